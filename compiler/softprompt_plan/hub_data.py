"""`hf:NAME[SPLIT]`: a split of a data set of the Hugging Face hub, or of a folder laid out as one.

    hf:rajpurkar/squad[train]              a data set of the hub
    hf:nyu-mll/glue:sst2[validation]       one of its configurations
    hf:squad[train[:1000]]                 a slice, as the datasets library writes it
    hf:./folder[train]                     a folder: data files, or what `save_to_disk` wrote

Here is only what such a text says. A source of rows is a `Path`, also where it is such a text,
which nothing but the datasets library can open.
"""

import re
from dataclasses import dataclass
from pathlib import Path

from softprompt_plan.row_formats import HUB_PREFIX

_BOUND = r"-?\d[\d_]*%?"
_TERM = rf"\w+(?:\.\w+)*(?:\[(?:{_BOUND})?:(?:{_BOUND})?\])?(?:\((?:closest|pct1_dropremainder)\))?"
_SPLIT = rf"{_TERM}(?:\s*\+\s*{_TERM})*"
_FORM = re.compile(rf"hf:(?P<name>.*)\[(?P<split>{_SPLIT})\]", re.DOTALL)
_HUB_NAME = re.compile(r"(?!.*(?:--|\.\.))\w[\w.-]{0,95}(?:/\w[\w.-]{0,95})?")
_CONFIG = re.compile(r"[^\s:/\[\]][^:/\[\]]*")
_FOLDER = ("./", "../", "/", "~")
# Names that stand for formats in the datasets library: it would read the working folder's files.
_FORMATS = """
    arrow audiofolder conll csv eval fasta fastq genbank harbor hdf5 iceberg imagefolder json lance
    meshfolder mmcif niftifolder pandas parquet pdb pdffolder text tsfile videofolder vortex
    webdataset xml
"""


@dataclass(frozen=True, kw_only=True)
class HubData:
    """What a text of this form names.

    name: of the hub, or the path of a folder. split: as the datasets library reads it.
    """

    name: str
    config: str | None
    split: str

    @property
    def is_folder(self) -> bool:
        """Whether it is a folder of this machine."""
        return self.name.startswith(_FOLDER) or self.name in (".", "..")

    def __str__(self) -> str:
        config = "" if self.config is None else f":{self.config}"
        return f"{HUB_PREFIX}{self.name}{config}[{self.split}]"


@dataclass(frozen=True, kw_only=True)
class HubDataFault:
    """What is wrong with a text: its characters `start` to `end`, a sentence, what to write."""

    start: int
    end: int
    detail: str
    help: str


def parse_hub_data(text: str) -> HubData | HubDataFault:
    """What a text that begins with `hf:` names. Raises nothing."""
    match = _FORM.fullmatch(text)
    if match is None:
        return _split_fault(text)
    name, config = _name_and_config(match["name"])
    start, end = len(HUB_PREFIX), len(HUB_PREFIX) + len(name)
    data = HubData(name=name, config=config, split=match["split"])
    if not name:
        detail, hint = "no data set is named", "write `hf:OWNER/NAME[SPLIT]`"
        return HubDataFault(start=0, end=match.start("split"), detail=detail, help=hint)
    if not data.is_folder and not _HUB_NAME.fullmatch(name):
        detail = f"`{name:.80}` is no name of a data set"
        hint = "a data set is `OWNER/NAME`; a folder begins with `./` or `/`"
        return HubDataFault(start=start, end=end, detail=detail, help=hint)
    if name in _FORMATS.split():
        detail = f"`{name}` is a file format, and no data set"
        hint = "name files by their paths, without `hf:`"
        return HubDataFault(start=start, end=end, detail=detail, help=hint)
    if config is not None and not _CONFIG.fullmatch(config):
        detail, hint = "the configuration has no name", "write `hf:NAME:CONFIGURATION[SPLIT]`"
        return HubDataFault(start=end, end=match.end("name"), detail=detail, help=hint)
    return data


def resolve_hub_data(text: str, spec_folder: Path) -> Path:
    """The text as a source of rows; a folder, which is relative to the spec's, as a whole path."""
    data = parse_hub_data(text)
    if isinstance(data, HubDataFault) or not data.is_folder:
        return Path(text)
    try:
        folder = spec_folder / Path(data.name).expanduser()
    except RuntimeError:  # `~nobody`, which is no user, is a name like any other
        folder = spec_folder / data.name
    return Path(str(HubData(name=str(folder.absolute()), config=data.config, split=data.split)))


def _name_and_config(text: str) -> tuple[str, str | None]:
    name, colon, config = text.rpartition(":")
    if not colon or "/" in config:  # the colon of a folder's name
        return text, None
    return name, config


def _split_fault(text: str) -> HubDataFault:
    opening = text.find("[")
    if opening < 0:
        detail, hint = "no split is named", f"write `{text:.80}[train]`"
        return HubDataFault(start=0, end=len(text), detail=detail, help=hint)
    if not text.endswith("]"):
        detail, hint = "the split's `[` is not closed at the end", "write `[train]` at the end"
        return HubDataFault(start=opening, end=len(text), detail=detail, help=hint)
    inside = text[opening + 1 : -1]
    detail = f"`{inside:.80}` is no split" if inside.strip() else "no split is named"
    hint = "write `[train]`, or a slice: `[train[:1000]]`, `[train[10%:20%]]`"
    start, end = (opening + 1, len(text) - 1) if inside else (opening, len(text))
    return HubDataFault(start=start, end=end, detail=detail, help=hint)
