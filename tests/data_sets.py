"""Data sets for tests: folders, and what the datasets library would have in its cache."""

import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

Rows = Sequence[Mapping[str, Any]]


def write_folder(folder: Path, **splits: Rows) -> Path:
    """A folder with a file of JSON lines a split."""
    folder.mkdir(parents=True)
    for split, rows in splits.items():
        text = "".join(json.dumps(row) + "\n" for row in rows)
        (folder / f"{split}.jsonl").write_text(text, "utf-8")
    return folder


def put_into_cache(cache: Path, owner: str, name: str, config: str, folder: Path) -> None:
    """Let the library load a folder, and call what it cached a data set of the hub."""
    import datasets
    from datasets.config import HF_DATASETS_CACHE

    assert Path(HF_DATASETS_CACHE) == cache, "the tests have a cache of their own"
    renamed = shutil.copytree(folder, folder.parent / name)
    datasets.load_dataset(str(renamed))
    shutil.rmtree(renamed)
    (cached,) = (cache / name).glob("default/0.0.0/*/dataset_info.json")
    info = json.loads(cached.read_text("utf-8"))
    cached.write_text(json.dumps({**info, "config_name": config}), "utf-8")
    target = cache / f"{owner}___{name}" / config / "0.0.0" / cached.parent.name
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.move(cached.parent, target)
    shutil.rmtree(cache / name)
