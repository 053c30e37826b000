"""Each rule by a single mistake in a generated spec: its code alone, on the damaged token."""

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from softprompt_compiler.catalogue import RULES
from softprompt_compiler.decode import decode
from softprompt_compiler.diagnostic import Diagnostic
from softprompt_compiler.parse import parse
from softprompt_compiler.pipeline import check_spec
from softprompt_compiler.source import SourceFile
from softprompt_compiler.tree import MappingNode
from softprompt_compiler.world import LocalWorld
from tests.compiler.page_world import make_world
from tests.seeded import SEEDED, Damage, Draft
from tests.spec_strategies import Spec, specs

# Rules that no mistake in a spec or its rows gives. The page of each shows it, and is run.
_MODEL_FILES = "a file of the model itself, and not the spec, is at fault or not here"
ELSEWHERE = {
    "SP0001": "the spec is not there to be read",
    "SP0305": "a Python package is missing",
    "SP0307": "the datasets library finds fault with a data set",
    "SP0314": _MODEL_FILES,
    "SP0315": _MODEL_FILES,
    **dict.fromkeys((f"SP033{digit}" for digit in range(3, 10)), _MODEL_FILES),
    **dict.fromkeys((f"SP037{digit}" for digit in range(7)), "a lock, and not the spec, differs"),
    "SP0380": _MODEL_FILES,
    "SP0381": _MODEL_FILES,
    "SP0901": "softprompt itself is at fault",
}
# Of many tests a few examples each; one fault breaks many of them, and shrinking all takes minutes.
FEW = settings(
    phases=[Phase.explicit, Phase.generate],
    max_examples=max(2, settings().max_examples // 20),
    suppress_health_check=[HealthCheck.too_slow],
)
DAMAGES = [(code, damage) for code, damages in SEEDED.items() for damage in damages]
# Damages that leave each other alone
INDEPENDENT = ("SP0101", "SP0104", "SP0107", "SP0111", "SP0114", "SP0130", "SP0132", "SP0222")


@pytest.fixture(scope="module")
def seeded_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("seeded")
    make_world(folder)
    return folder


def test_every_rule_is_seeded_or_says_where_it_is_tested() -> None:
    assert set(SEEDED) | set(ELSEWHERE) == set(RULES)
    assert not set(SEEDED) & set(ELSEWHERE)


@pytest.mark.parametrize(
    ("code", "damage"), DAMAGES, ids=lambda each: getattr(each, "__name__", each)
)
@given(generated=specs(), data=st.data())
@FEW
def test_a_single_mistake_gives_its_code_alone_on_the_damaged_token(
    seeded_folder: Path, code: str, damage: Damage, generated: Spec, data: st.DataObject
) -> None:
    draft = _damaged(generated, damage, data)

    found = _found(draft, seeded_folder)

    assert [each.code for each in found] == [code]
    assert _place(found[0]) == _marked(draft)


@given(
    specs(), st.lists(st.sampled_from(INDEPENDENT), min_size=2, max_size=2, unique=True), st.data()
)
@settings(suppress_health_check=[HealthCheck.too_slow])
def test_two_mistakes_give_both_codes_each_on_its_token(
    seeded_folder: Path, generated: Spec, both: Sequence[str], data: st.DataObject
) -> None:
    first = _damaged(generated, SEEDED[both[0]][0], data)
    second = _damaged(first.spec, SEEDED[both[1]][0], data)
    first.spec = second.spec

    found = _found(second, seeded_folder)

    assert {(each.code, _place(each)) for each in found} == {
        (both[0], _marked(first)),
        (both[1], _marked(second)),
    }


def _damaged(generated: Spec, damage: Damage, data: st.DataObject) -> Draft:
    draft = Draft(spec=json.loads(json.dumps(generated)), draw=data.draw)
    damage(draft)
    return draft


def _found(draft: Draft, folder: Path) -> list[Diagnostic]:
    for name, content in draft.files.items():
        path = folder / name
        if isinstance(content, tuple):
            shutil.rmtree(path, ignore_errors=True)
            shutil.copytree(folder / content[0], path)
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    world = LocalWorld(spec_folder=folder, environment={"HF_HUB_CACHE": str(folder / "hub")})
    source, unread = decode("spec.yaml", draft.raw or draft.yaml().encode())
    if unread:
        return unread
    found = check_spec(source, draft.settings, world, read_data=draft.reads_data).diagnostics
    return list(found)


def _place(found: Diagnostic) -> tuple[Any, ...]:
    span = found.span
    is_row = span.source.name not in ("spec.yaml", "--set")
    name = span.source.name
    return (Path(name).name, span.line) if is_row else (name, span.start, span.end)


def _marked(draft: Draft) -> tuple[Any, ...]:
    """The place of the damaged token, as `_place` gives it."""
    if draft.row is not None:
        return Path(draft.row[0]).name, draft.row[1]
    if draft.settings:
        return ("--set", *_within(draft.settings[0], 0, draft))
    text = draft.yaml()
    if not draft.path:
        return ("spec.yaml", *_within(text, 0, draft))
    tree = parse(SourceFile(name="spec.yaml", text=text)).tree
    assert tree is not None
    span = tree.nearest(draft.path).span
    if draft.at_key:
        owner = tree.find(draft.path[:-1])
        assert isinstance(owner, MappingNode)
        key = owner.key(str(draft.path[-1]))
        assert key is not None
        span = key.span
    return ("spec.yaml", *_within(span.text, span.start, draft))


def _within(text: str, start: int, draft: Draft) -> tuple[int, int]:
    if not draft.part:
        return (start, start + (len(text) if draft.path else 0))
    at = start + (text.rindex(draft.part) if draft.last else text.index(draft.part))
    return at, at + len(draft.part)
