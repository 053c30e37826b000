from pathlib import Path

import pytest

from softprompt_plan.hub_data import HubData, HubDataFault, parse_hub_data
from softprompt_plan.paths import UnsetVariableError, resolve_files


@pytest.mark.parametrize(
    ("text", "name", "config", "split"),
    [
        ("hf:squad[train]", "squad", None, "train"),
        ("hf:rajpurkar/squad[train[:1000]]", "rajpurkar/squad", None, "train[:1000]"),
        ("hf:nyu-mll/glue:sst2[validation]", "nyu-mll/glue", "sst2", "validation"),
        ("hf:a/b:2024.06-x_y[train[10%:-5%]+test]", "a/b", "2024.06-x_y", "train[10%:-5%]+test"),
        ("hf:a[train[:50%](closest)]", "a", None, "train[:50%](closest)"),
        ("hf:./folder[train]", "./folder", None, "train"),
        ("hf:../a b/c:d[test[-3:]]", "../a b/c", "d", "test[-3:]"),
        ("hf:/a:1/b[c]/d[train]", "/a:1/b[c]/d", None, "train"),
        ("hf:.[train]", ".", None, "train"),
    ],
)
def test_a_text_names_a_data_set_a_configuration_and_a_split(
    text: str, name: str, config: str | None, split: str
) -> None:
    data = parse_hub_data(text)

    assert isinstance(data, HubData)
    assert data == HubData(name=name, config=config, split=split)
    assert str(data) == text
    assert data.is_folder == name.startswith((".", "/"))


@pytest.mark.parametrize(
    ("text", "at", "detail"),
    [
        ("hf:squad", "hf:squad", "no split is named"),
        ("hf:", "hf:", "no split is named"),
        ("hf:squad[]", "[]", "no split is named"),
        ("hf:squad[ ]", " ", "no split is named"),
        ("hf:squad[train", "[train", "the split's `[` is not closed at the end"),
        ("hf:squad[train]x", "[train]x", "the split's `[` is not closed at the end"),
        ("hf:squad[train[:2]", "train[:2", "`train[:2` is no split"),
        ("hf:squad[train[5]]", "train[5]", "`train[5]` is no split"),
        ("hf:squad[a b]", "a b", "`a b` is no split"),
        ("hf:[train]", "hf:[", "no data set is named"),
        ("hf:a/b/c[train]", "a/b/c", "`a/b/c` is no name of a data set"),
        ("hf:a b[train]", "a b", "`a b` is no name of a data set"),
        ("hf:a/..[train]", "a/..", "`a/..` is no name of a data set"),
        ("hf:a/b:[train]", ":", "the configuration has no name"),
        ("hf:json[train]", "json", "`json` is a file format, and no data set"),
    ],
)
def test_what_is_not_of_this_form_is_told_with_its_place(text: str, at: str, detail: str) -> None:
    fault = parse_hub_data(text)

    assert isinstance(fault, HubDataFault)
    assert (text[fault.start : fault.end], fault.detail) == (at, detail)
    assert fault.help


def test_a_data_set_is_a_source_of_its_own_name() -> None:
    (source,) = resolve_files("hf:${OWNER}/squad[train]", Path("/specs"), {"OWNER": "me"})

    assert source == Path("hf:me/squad[train]")
    with pytest.raises(UnsetVariableError):
        resolve_files("hf:${OWNER}/squad[train]", Path("/specs"), {})


@pytest.mark.parametrize(
    ("text", "source"),
    [
        ("hf:./moods:old[train[:9]]", "hf:/my specs/moods:old[train[:9]]"),
        ("hf:../moods[train]", "hf:/my specs/../moods[train]"),
        ("hf:${DATA:-./here}[train]", "hf:/my specs/here[train]"),
        ("hf:/data/moods[train]", "hf:/data/moods[train]"),
        ("hf:~/moods[train]", "hf:/home/me/moods[train]"),
    ],
)
def test_a_folder_is_relative_to_the_specs(
    monkeypatch: pytest.MonkeyPatch, text: str, source: str
) -> None:
    monkeypatch.setenv("HOME", "/home/me")

    assert resolve_files(text, Path("/my specs"), {}) == [Path(source)]
