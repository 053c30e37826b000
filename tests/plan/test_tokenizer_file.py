import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer

from softprompt_plan.tokenizer_file import (
    TokenizerError,
    TokenizerFaultKind,
    TokenizerFile,
    read_tokenizer,
)
from tests.tiny_gguf import bpe_tokenizer, byte_level_vocabulary, write_gguf

DATA = os.environ.get("SOFTPROMPT_DATA")
TEMPLATE: dict[str, Any] = {
    "version": "1.0",
    "truncation": None,
    "padding": None,
    "added_tokens": [],
    "normalizer": None,
    "pre_tokenizer": None,
    "post_processor": None,
    "decoder": None,
}


def added(id: int, content: str, *, special: bool) -> dict[str, Any]:
    flags = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False}
    return {"id": id, "content": content, **flags, "special": special}


def sentencepiece_like() -> dict[str, Any]:
    """A BPE whose merges reach its special tokens, as vocabularies converted piece by piece do."""
    pieces = ["<unk>", "<s>", "</s>", *"<>s/▁unkab", "<s", "</", "s>", "ab", "<u", "nk>"]
    merges = ["< s", "<s >", "< /", "s >", "</ s>", "a b", "k >", "n k>"]
    pieces.append("k>")
    return {
        **TEMPLATE,
        "added_tokens": [added(id, pieces[id], special=True) for id in range(3)],
        "normalizer": {"type": "Replace", "pattern": {"String": " "}, "content": "▁"},
        "model": {
            "type": "BPE",
            "dropout": 0.5,
            "unk_token": "<unk>",
            "fuse_unk": True,
            "vocab": {piece: id for id, piece in enumerate(pieces)},
            "merges": merges,
        },
    }


def unigram() -> dict[str, Any]:
    """A Unigram whose special pieces have the best score, as in T5's file."""
    pieces = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0)]
    pieces += [(letter, -5.0) for letter in "<>/spadab"[:8]] + [("ab", -3.0)]
    unique = dict(pieces)
    return {
        **TEMPLATE,
        "added_tokens": [
            *(added(id, piece, special=True) for id, piece in enumerate(list(unique)[:3])),
            added(len(unique) + 1, "<tool>", special=False),
            added(len(unique) + 2, "<mask>", special=True),
        ],
        "model": {"type": "Unigram", "unk_id": 2, "vocab": [list(item) for item in unique.items()]},
    }


def byte_level() -> dict[str, Any]:
    """GPT-NeoX's kind: added tokens outside of the vocabulary, runs of spaces among them."""
    letters = byte_level_vocabulary()
    level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True}
    return {
        **TEMPLATE,
        "added_tokens": [
            added(256, "<|end|>", special=True),
            added(257, "    ", special=False),
            added(258, "<|fim|>", special=False),
            added(259, "  ", special=False),
        ],
        "pre_tokenizer": {**level, "use_regex": True},
        "post_processor": {**level, "use_regex": True},
        "decoder": {**level, "use_regex": True},
        "model": {
            "type": "BPE",
            "dropout": None,
            "vocab": {letter: id for id, letter in enumerate(letters)},
            "merges": [],
        },
    }


def folder_of(folder: Path, content: Any, **side_files: Any) -> Path:
    (folder / "tokenizer.json").write_text(json.dumps(content))
    for name, value in side_files.items():
        (folder / f"{name}.json").write_text(json.dumps(value))
    return folder


def encoder(file: TokenizerFile) -> Tokenizer:
    return Tokenizer.from_str(file.encode_json)


def fault_of(path: Path) -> TokenizerError:
    with pytest.raises(TokenizerError) as caught:
        read_tokenizer(path)
    return caught.value


def test_merges_cannot_reach_a_special_token(tmp_path: Path) -> None:
    tokenizer = encoder(read_tokenizer(folder_of(tmp_path, sentencepiece_like())))

    assert tokenizer.encode("ab</s>").tokens == ["ab", "</", "s>"]
    assert tokenizer.encode("<s>").tokens == ["<s", ">"]
    assert "<unk>" not in tokenizer.encode("<unk>").tokens
    assert tokenizer.decode(tokenizer.encode("<unk>").ids).replace(" ", "") == "<unk>"


def test_what_is_not_in_the_vocabulary_is_still_the_unknown_token(tmp_path: Path) -> None:
    tokenizer = encoder(read_tokenizer(folder_of(tmp_path, sentencepiece_like())))

    assert tokenizer.encode("aé").ids[-1] == 0


def test_the_best_path_cannot_take_a_special_piece(tmp_path: Path) -> None:
    file = read_tokenizer(folder_of(tmp_path, unigram()))
    whole = Tokenizer.from_str(file.decode_json)
    whole.encode_special_tokens = True  # keeps added tokens out, but not the model's own pieces

    assert encoder(file).encode("a</s>").tokens == ["a", "<", "/", "s", ">"]
    assert 1 in whole.encode("a</s>").ids  # or this test shows nothing


def test_added_tokens_keep_their_ids_when_special_ones_go(tmp_path: Path) -> None:
    file = read_tokenizer(folder_of(tmp_path, byte_level()))
    unigrams = read_tokenizer(folder_of(tmp_path, unigram()))

    assert encoder(file).encode("a    b  c").ids == [64, 257, 65, 259, 66]
    assert file.vocab_size == 260
    assert encoder(unigrams).encode("a<tool>").ids[-1] == unigrams.vocab_size - 2


def test_a_token_that_has_the_shape_of_a_control_token_is_one(tmp_path: Path) -> None:
    tokenizer = encoder(read_tokenizer(folder_of(tmp_path, byte_level())))

    assert 258 not in tokenizer.encode("<|fim|>").ids


@pytest.mark.parametrize("content", [sentencepiece_like(), unigram(), byte_level()])
@given(text=st.text("</s>unkpadab|fim end", max_size=24))
def test_no_text_gives_a_special_id(
    tmp_path_factory: pytest.TempPathFactory, content: dict[str, Any], text: str
) -> None:
    file = read_tokenizer(folder_of(tmp_path_factory.mktemp("t"), content))
    special = {token["id"] for token in content["added_tokens"] if token["special"]}
    known = (
        {piece for piece, _ in content["model"]["vocab"]} if "unk_id" in content["model"] else None
    )

    ids = encoder(file).encode(text).ids

    unknown = {2} if known and set(text) - known else set[int]()
    unknown |= {0} if content["model"].get("unk_token") else set()
    assert not set(ids) & (special - unknown)


@given(text=st.text(max_size=30))
def test_text_without_special_tokens_has_the_ids_of_the_file_itself(
    tmp_path_factory: pytest.TempPathFactory, text: str
) -> None:
    content = byte_level()
    file = read_tokenizer(folder_of(tmp_path_factory.mktemp("t"), content))

    whole = Tokenizer.from_str(json.dumps(content)).encode(text, add_special_tokens=False)

    if "<|" not in text:
        assert encoder(file).encode(text).ids == whole.ids
    assert Tokenizer.from_str(file.decode_json).decode(encoder(file).encode(text).ids) == text


def test_nothing_is_added_cut_or_padded(tmp_path: Path) -> None:
    content = sentencepiece_like()
    end = {"SpecialToken": {"id": "</s>", "type_id": 0}}
    content["post_processor"] = {
        "type": "TemplateProcessing",
        "single": [{"Sequence": {"id": "A", "type_id": 0}}, end],
        "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
        "special_tokens": {"</s>": {"id": "</s>", "ids": [2], "tokens": ["</s>"]}},
    }
    content["truncation"] = {
        "direction": "Right",
        "max_length": 2,
        "strategy": "LongestFirst",
        "stride": 0,
    }

    tokenizer = encoder(read_tokenizer(folder_of(tmp_path, content)))

    assert tokenizer.encode("ababab").tokens == ["ab", "ab", "ab"]  # nor merged by chance


def test_special_tokens_are_decoded_by_name(tmp_path: Path) -> None:
    file = read_tokenizer(folder_of(tmp_path, byte_level()))

    decoder = Tokenizer.from_str(file.decode_json)

    assert decoder.decode([64, 256, 258], skip_special_tokens=False) == "a<|end|><|fim|>"


def test_side_files_name_special_tokens_too(tmp_path: Path) -> None:
    content = byte_level()
    content["added_tokens"] += [
        added(260 + at, text, special=False) for at, text in enumerate(["[A]", "[B]", "[C]", "[D]"])
    ]
    folder = folder_of(
        tmp_path,
        content,
        tokenizer_config={
            "eos_token": {"content": "[A]"},
            "additional_special_tokens": ["[B]"],
            "added_tokens_decoder": {"262": {"content": "[C]", "special": True}},
        },
    )

    ids = encoder(read_tokenizer(folder)).encode("[A][B][C][D]").ids

    assert not {260, 261, 262} & set(ids)
    assert 263 in ids


def test_a_letter_that_serves_as_a_special_token_stays_a_letter(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, byte_level(), tokenizer_config={"pad_token": "!"})

    assert encoder(read_tokenizer(folder)).encode("!").ids == [0]


@pytest.mark.parametrize(
    ("side_files", "bos_id", "eos_id"),
    [
        ({}, None, None),
        ({"config": {"bos_token_id": 1, "eos_token_id": [2, 1]}}, 1, 2),
        ({"generation_config": {"eos_token_id": 1}, "config": {"eos_token_id": 2}}, None, 1),
        ({"config": {"eos_token_id": 2}, "special_tokens_map": {"eos_token": "<s>"}}, None, 1),
        (
            {
                "special_tokens_map": {"eos_token": "<s>"},
                "tokenizer_config": {"eos_token": {"content": "</s>"}, "bos_token": "<s>"},
            },
            1,
            2,
        ),
        ({"tokenizer_config": {"eos_token": "none"}, "config": {"eos_token_id": 2}}, None, 2),
        # a tokenizer without BOS is believed, one without EOS is not
        (
            {
                "tokenizer_config": {"bos_token": None, "eos_token": None},
                "config": {"bos_token_id": 1, "eos_token_id": 2},
            },
            None,
            2,
        ),
        ({"config": {"bos_token_id": True, "eos_token_id": 10**6}}, None, None),
        ({"config": {"bos_token_id": -1, "eos_token_id": []}}, None, None),
    ],
)
def test_bos_and_eos_come_from_the_tokenizer_then_from_the_configs(
    tmp_path: Path, side_files: dict[str, Any], bos_id: int | None, eos_id: int | None
) -> None:
    file = read_tokenizer(folder_of(tmp_path, sentencepiece_like(), **side_files))

    assert (file.bos_id, file.eos_id) == (bos_id, eos_id)


def gpt2_folder(folder: Path, **side_files: Any) -> Path:
    tokens = [*byte_level_vocabulary(), "he", "ll", "hell", "##", "<|endoftext|>"]
    (folder / "vocab.json").write_text(json.dumps({token: id for id, token in enumerate(tokens)}))
    merges = "#version: 0.2\r\nh e\r\nl l\r\nhe ll\r\n# #\r\n"
    (folder / "merges.txt").write_bytes(merges.encode())
    for name, value in side_files.items():
        (folder / f"{name}.json").write_text(json.dumps(value))
    return folder


def test_gpt2s_two_files_are_a_tokenizer(tmp_path: Path) -> None:
    file = read_tokenizer(gpt2_folder(tmp_path))

    assert encoder(file).encode("hello ##").tokens == ["hell", "o", "Ġ", "##"]
    assert (file.bos_id, file.eos_id, file.vocab_size) == (260, 260, 261)
    assert 260 not in encoder(file).encode("<|endoftext|>").ids
    assert Tokenizer.from_str(file.decode_json).decode([260], skip_special_tokens=False) == (
        "<|endoftext|>"
    )


def test_tokens_added_beside_gpt2s_files_keep_their_ids(tmp_path: Path) -> None:
    folder = gpt2_folder(tmp_path, added_tokens={"[A]": 261, "[B]": 263})

    file = read_tokenizer(folder)

    assert encoder(file).encode("[B][A]").ids == [263, 261]
    assert file.vocab_size == 264


def test_gpt2s_files_may_ask_for_a_leading_space(tmp_path: Path) -> None:
    folder = gpt2_folder(tmp_path, tokenizer_config={"add_prefix_space": True})

    assert encoder(read_tokenizer(folder)).encode("hell").tokens == ["Ġ", "hell"]


@pytest.mark.parametrize(
    "side_files",
    [
        {"tokenizer_config": {"tokenizer_class": "CLIPTokenizer"}},
        {"config": {"model_type": "qwen2"}},
    ],
)
def test_files_of_another_tokenizer_are_not_read_as_gpt2s(
    tmp_path: Path, side_files: dict[str, Any]
) -> None:
    error = fault_of(gpt2_folder(tmp_path, **side_files))

    assert error.kind is TokenizerFaultKind.UNSUPPORTED
    assert "save_pretrained" in error.help


def test_a_folder_without_tokenizer_says_what_to_do(tmp_path: Path) -> None:
    assert fault_of(tmp_path).kind is TokenizerFaultKind.NONE_THERE
    assert fault_of(tmp_path).help

    (tmp_path / "tokenizer.model").touch()

    assert fault_of(tmp_path).kind is TokenizerFaultKind.UNSUPPORTED
    assert "tokenizer.model" in fault_of(tmp_path).detail
    assert "save_pretrained" in fault_of(tmp_path).help


def test_a_gguf_file_has_its_tokenizer_inside(tmp_path: Path) -> None:
    file = read_tokenizer(write_gguf(tmp_path / "model.gguf"))

    assert (file.bos_id, file.eos_id, file.vocab_size) == (1, 0, 267)
    assert not {0, 1} & set(encoder(file).encode("<|end|><s>").ids)
    assert encoder(file).encode("<tool>").ids == [2]  # user-defined: a symbol of ordinary text


def test_a_gguf_file_that_cannot_be_read_is_a_tokenizer_error(tmp_path: Path) -> None:
    path = write_gguf(tmp_path / "model.gguf", {"tokenizer.ggml.pre": "tekken"})

    assert "`tekken`" in fault_of(path).detail
    assert fault_of(tmp_path / "none.gguf").kind is TokenizerFaultKind.UNSUPPORTED


def test_the_digest_sees_whatever_changes_ids(tmp_path: Path) -> None:
    first = read_tokenizer(write_gguf(tmp_path / "a.gguf"))
    again = read_tokenizer(write_gguf(tmp_path / "b.gguf"))
    other_pre = read_tokenizer(write_gguf(tmp_path / "c.gguf", bpe_tokenizer("gpt-2")))
    other_eos = read_tokenizer(write_gguf(tmp_path / "d.gguf", {"tokenizer.ggml.eos_token_id": 1}))

    assert first.digest == again.digest
    assert len({first.digest, other_pre.digest, other_eos.digest}) == 3


@pytest.mark.parametrize(
    "content",
    [
        [],
        {},
        {"model": {}},
        {"model": {"type": "BPE", "vocab": []}},
        {"model": {"type": "BPE", "vocab": {"a": "0"}, "merges": []}},
        {"model": {"type": "BPE", "vocab": {"a": -1}, "merges": []}},
        {"model": {"type": "BPE", "vocab": {"a": 0}, "merges": ["a"]}},
        {"model": {"type": "BPE", "vocab": {"a": 0}, "merges": [["a", 1]]}},
        {"model": {"type": "BPE", "vocab": {"a": 0}, "merges": {}}},
        {"model": {"type": "Unigram", "vocab": [["a"]]}},
        {"model": {"type": "Unigram", "vocab": [[1, 2]]}},
        {"model": {"type": 3, "vocab": {}}},
        {"added_tokens": [{}], "model": {"type": "BPE", "vocab": {}, "merges": []}},
        {"added_tokens": 3, "model": {"type": "BPE", "vocab": {}, "merges": []}},
        {"model": {"type": "BPE", "vocab": {"a": 0}, "merges": [], "unk_token": []}},
        {"model": {"type": "BPE", "vocab": {"a": 0}, "merges": [], "continuing_subword_prefix": 3}},
    ],
)
def test_a_tokenizer_json_without_its_parts_is_broken(tmp_path: Path, content: Any) -> None:
    assert fault_of(folder_of(tmp_path, content)).kind is TokenizerFaultKind.BROKEN


@pytest.mark.parametrize("text", [b"", b"{", b"\xff", b"[" * 100_000, b"1" * 5_000])
@pytest.mark.parametrize("name", ["tokenizer.json", "tokenizer_config.json", "config.json"])
def test_files_that_are_no_json_are_broken(tmp_path: Path, name: str, text: bytes) -> None:
    folder_of(tmp_path, sentencepiece_like())
    (tmp_path / name).write_bytes(text)

    error = fault_of(tmp_path)

    assert error.kind is TokenizerFaultKind.BROKEN
    assert name in error.detail


MODEL_KEYS = ["type", "vocab", "merges", "unk_token", "continuing_subword_prefix", "dropout"]
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 300) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=5,
)


@given(
    content=st.fixed_dictionaries(
        {},
        optional={
            "added_tokens": json_values | st.lists(st.just(added(1, "<s>", special=True))),
            "model": st.dictionaries(st.sampled_from(MODEL_KEYS), json_values).map(
                lambda changes: {**sentencepiece_like()["model"], **changes}
            ),
        },
    ),
    side=st.dictionaries(
        st.sampled_from(
            ["eos_token", "bos_token_id", "extra_special_tokens", "added_tokens_decoder"]
        ),
        json_values,
    ),
)
def test_any_json_gives_a_tokenizer_or_its_error(
    tmp_path_factory: pytest.TempPathFactory, content: dict[str, Any], side: dict[str, Any]
) -> None:
    folder = folder_of(tmp_path_factory.mktemp("t"), content, tokenizer_config=side, config=side)

    try:
        file = read_tokenizer(folder)
    except TokenizerError:
        return
    json.loads(file.encode_json)


@pytest.mark.skipif(DATA is None, reason="needs SOFTPROMPT_DATA")
@pytest.mark.parametrize(
    ("name", "loader"),
    [("stories260k", "AutoTokenizer"), ("gpt2_tokenizer", "GPT2TokenizerFast")],
)
@pytest.mark.parametrize(
    "text",
    ["Hello world! 12345 \n\n12", "  lots   of\t\n spaces ", "Café 你好 🤖 \u00ad'Tis don't"],
)
def test_published_tokenizers_give_the_ids_of_transformers(
    name: str, loader: str, text: str
) -> None:
    transformers = pytest.importorskip("transformers")
    folder = Path(DATA or "") / name
    theirs = getattr(transformers, loader).from_pretrained(folder)

    ours = read_tokenizer(folder)

    assert encoder(ours).encode(text).ids == theirs.encode(text, add_special_tokens=False)
    assert (ours.bos_id, ours.eos_id) == (theirs.bos_token_id, theirs.eos_token_id)
