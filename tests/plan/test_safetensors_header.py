import json
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from softprompt_plan.safetensors_header import (
    SafetensorsError,
    SafetensorsFaultKind,
    read_safetensors_header,
)
from softprompt_plan.weight_files import WeightFaultKind, read_stored_weights
from tests.tiny_safetensors import file_bytes, header_of, safetensors_bytes

SHAPES = {"a": (3, 2), "b": (), "c": (0, 5), "d": (4,)}


def file_of(folder: Path, content: bytes) -> Path:
    path = folder / "model.safetensors"
    path.write_bytes(content)
    return path


def fault_of(folder: Path, content: bytes) -> SafetensorsFaultKind:
    with pytest.raises(SafetensorsError) as caught:
        read_safetensors_header(file_of(folder, content))
    return caught.value.kind


def test_what_is_written_is_read(tmp_path: Path) -> None:
    tensors = read_safetensors_header(file_of(tmp_path, safetensors_bytes(header_of(SHAPES))))

    assert {name: tensor.shape for name, tensor in tensors.items()} == SHAPES
    assert {tensor.dtype for tensor in tensors.values()} == {"F32"}
    assert [tensor.num_bytes for tensor in tensors.values()] == [24, 4, 0, 16]


def test_what_the_safetensors_library_writes_is_read(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    safetensors = pytest.importorskip("safetensors.torch")
    kinds = ("bfloat16", "float16", "float64", "int64", "uint8", "bool", "float8_e4m3fn")
    tensors = {kind: torch.zeros(3, 5, dtype=getattr(torch, kind)) for kind in kinds}
    safetensors.save_file(tensors, tmp_path / "model.safetensors", metadata={"format": "pt"})

    found = read_safetensors_header(tmp_path / "model.safetensors")

    assert {name: tensor.shape for name, tensor in found.items()} == dict.fromkeys(kinds, (3, 5))
    assert {name: tensor.num_bytes for name, tensor in found.items()} == {
        name: tensor.numel() * tensor.element_size() for name, tensor in tensors.items()
    }


def test_an_unfinished_download_is_told_at_every_length(tmp_path: Path) -> None:
    whole = safetensors_bytes(header_of(SHAPES))

    for length in range(8, len(whole), 3):
        assert fault_of(tmp_path, whole[:length]) is SafetensorsFaultKind.TRUNCATED
    with pytest.raises(SafetensorsError, match=f"has {len(whole) - 1} bytes.*of {len(whole)}"):
        read_safetensors_header(file_of(tmp_path, whole[:-1]))
    assert fault_of(tmp_path, b"") is SafetensorsFaultKind.TRUNCATED


def test_what_is_no_safetensors_file_is_told_apart(tmp_path: Path) -> None:
    for content in (
        b"PK\x03\x04 a zip file, as torch.save makes it",
        b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n",
        b"short",
        file_bytes(b"[]", 0),
        file_bytes(b"\xff\xfe", 0),
        file_bytes(b"[" * 100_000, 0),
        file_bytes(b'{"a": 1, "a": 2}', 0),
        file_bytes(b'{"a": ' + b"9" * 5000 + b"}", 0),
    ):
        assert fault_of(tmp_path, content) is SafetensorsFaultKind.NOT_SAFETENSORS
    with pytest.raises(SafetensorsError) as caught:
        read_safetensors_header(tmp_path / "none.safetensors")
    assert caught.value.kind is SafetensorsFaultKind.UNREADABLE


def test_a_pointer_of_git_lfs_is_told_with_its_cure(tmp_path: Path) -> None:
    pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n"

    with pytest.raises(SafetensorsError) as caught:
        read_safetensors_header(file_of(tmp_path, pointer))

    assert "git lfs pull" in caught.value.help


@pytest.mark.parametrize(
    "entry",
    [
        None,
        {},
        {"dtype": "F33"},
        {"dtype": ["F32"]},
        {"shape": [-1]},
        {"shape": [True]},
        {"shape": [2.0]},
        {"shape": [2**63]},
        {"shape": [1] * 17},
        {"shape": "2"},
        {"shape": [3]},
        {"data_offsets": [8, 0]},
        {"data_offsets": [4, 12]},
        {"data_offsets": [0, 8, 9]},
        {"data_offsets": [0]},
        {"shape": [2**62, 2**62], "data_offsets": [0, 2**62]},
        {"dtype": "F4", "shape": [3], "data_offsets": [0, 1]},
    ],
)
def test_an_entry_that_contradicts_itself_is_corrupt(tmp_path: Path, entry: Any) -> None:
    right = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}
    broken = right | entry if entry else entry

    content = file_bytes(json.dumps({"a": broken}).encode(), 8)

    assert fault_of(tmp_path, content) is SafetensorsFaultKind.CORRUPT


def test_holes_overlaps_and_surplus_bytes_are_corrupt(tmp_path: Path) -> None:
    def entry(start: int, end: int) -> dict[str, Any]:
        return {"dtype": "U8", "shape": [end - start], "data_offsets": [start, end]}

    for entries in ({"a": entry(0, 4), "b": entry(5, 8)}, {"a": entry(0, 4), "b": entry(3, 8)}):
        assert fault_of(tmp_path, safetensors_bytes(entries)) is SafetensorsFaultKind.CORRUPT
    surplus = safetensors_bytes({"a": entry(0, 4)}) + b"\0"
    assert fault_of(tmp_path, surplus) is SafetensorsFaultKind.CORRUPT


def test_a_length_that_the_file_cannot_have_is_refused_at_once(tmp_path: Path) -> None:
    started = time.perf_counter()

    too_long = (99_000_000).to_bytes(8, "little") + b"{}"
    assert fault_of(tmp_path, too_long) is SafetensorsFaultKind.TRUNCATED
    huge = (2**63).to_bytes(8, "little") + b"{}"
    assert fault_of(tmp_path, huge) is SafetensorsFaultKind.NOT_SAFETENSORS
    assert time.perf_counter() - started < 1.0


@given(data=st.data())
def test_a_damaged_file_gives_its_error_and_no_other(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    content = bytearray(safetensors_bytes(header_of(SHAPES)))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(content) - 1))
        content[at] = data.draw(st.integers(0, 255))
    length = data.draw(st.integers(0, len(content)))
    path = file_of(tmp_path_factory.mktemp("safetensors"), bytes(content[:length]))

    with suppress(SafetensorsError):  # what matters is that nothing else is raised
        tensors = read_safetensors_header(path)
        assert sum(tensor.num_bytes for tensor in tensors.values()) <= len(content)


_leaves = st.one_of(
    st.none(), st.booleans(), st.integers(), st.text(max_size=5), st.sampled_from(["F32", "U8"])
)
_values = st.recursive(
    _leaves,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.sampled_from(["dtype", "shape", "data_offsets", "__metadata__", "weight_map"]),
            inner,
            max_size=4,
        ),
    ),
    max_leaves=12,
)


@given(header=st.dictionaries(st.text(max_size=4), _values, max_size=4))
def test_any_header_gives_tensors_or_its_error(
    tmp_path_factory: pytest.TempPathFactory, header: dict[str, Any]
) -> None:
    content = file_bytes(json.dumps(header).encode(), 8)
    path = file_of(tmp_path_factory.mktemp("safetensors"), content)

    with suppress(SafetensorsError):
        read_safetensors_header(path)


def shard(folder: Path, number: int, shapes: dict[str, tuple[int, ...]]) -> str:
    name = f"model-{number:05}-of-00002.safetensors"
    (folder / name).write_bytes(safetensors_bytes(header_of(shapes)))
    return name


def write_index(folder: Path, content: Any) -> None:
    text = content if isinstance(content, str) else json.dumps(content)
    (folder / "model.safetensors.index.json").write_text(text, "utf-8")


def test_shards_are_one_model(tmp_path: Path) -> None:
    first, second = shard(tmp_path, 1, {"a": (2,), "x": (9,)}), shard(tmp_path, 2, {"b": (3,)})
    write_index(tmp_path, {"weight_map": {"a": first, "b": second}})

    found = read_stored_weights(tmp_path)

    assert found is not None
    assert {name: tensor.shape for name, tensor in found.tensors.items()} == {"a": (2,), "b": (3,)}
    assert (found.files, found.faults) == ((first, second), ())


def test_every_fault_of_shards_is_found(tmp_path: Path) -> None:
    first, second = shard(tmp_path, 1, {"a": (2,)}), shard(tmp_path, 2, {"b": (3,)})
    third = "model-00003-of-00003.safetensors"
    write_index(tmp_path, {"weight_map": {"a": first, "b": second, "c": first, "d": third}})
    (tmp_path / second).write_bytes((tmp_path / second).read_bytes()[:-1])

    found = read_stored_weights(tmp_path)

    assert found is not None
    assert [(fault.kind, fault.subject) for fault in found.faults] == [
        (WeightFaultKind.CUT_OFF, second),
        (WeightFaultKind.FILE_MISSING, third),
        (WeightFaultKind.TENSOR_MISSING, "c"),
    ]


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[" * 100_000,
        "[]",
        "{}",
        {"weight_map": {}},
        {"weight_map": []},
        {"weight_map": {"a": 1}},
        {"weight_map": {"a": "../../etc/passwd"}},
        {"weight_map": {"a": "/etc/passwd"}},
        {"weight_map": {"a": ".."}},
        {"weight_map": {"a": "\0"}},
        {"weight_map": {"a": "\ud800"}},
        {"weight_map": {"a": "x" * 5000}},
        {"weight_map": {"a": "é" * 300}},
    ],
)
def test_an_index_that_is_none_is_damaged(tmp_path: Path, content: Any) -> None:
    write_index(tmp_path, content)

    found = read_stored_weights(tmp_path)

    assert found is not None
    assert [fault.kind for fault in found.faults] == [WeightFaultKind.DAMAGED]


def test_shards_without_an_index_lack_it(tmp_path: Path) -> None:
    shard(tmp_path, 1, {"a": (2,)})

    found = read_stored_weights(tmp_path)

    assert found is not None
    assert [fault.subject for fault in found.faults] == ["model.safetensors.index.json"]


def test_a_folder_without_safetensors_has_no_stored_weights(tmp_path: Path) -> None:
    (tmp_path / "pytorch_model.bin").touch()

    assert read_stored_weights(tmp_path) is None
