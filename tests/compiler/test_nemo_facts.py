import io
import tarfile
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from softprompt_compiler.facts import ModelFacts, ModelFactsError
from softprompt_compiler.nemo_facts import read_nemo_facts
from softprompt_plan.vocabulary import ModelDtype, ModelSourceKind
from tests.compiler.specs import check, seen, spec
from tests.tiny_nemo import CONFIG, nemo_bytes, nemo_files, write_nemo_folder


def facts_of(folder: Path, config: str = CONFIG, num_tokens: int = 200) -> ModelFacts:
    path = folder / "gpt.nemo"
    path.write_bytes(nemo_bytes(nemo_files(config, num_tokens)))
    return read_nemo_facts(path)


def fault_of(folder: Path, content: bytes) -> str:
    path = folder / "gpt.nemo"
    path.write_bytes(content)
    with pytest.raises(ModelFactsError) as caught:
        read_nemo_facts(path)
    return caught.value.detail


def test_an_archive_has_its_configs_numbers(tmp_path: Path) -> None:
    facts = facts_of(tmp_path)

    assert (facts.width, facts.num_layers, facts.num_heads, facts.head_dim) == (48, 3, 4, 12)
    assert (facts.num_kv_heads, facts.mlp_width, facts.max_positions) == (4, 192, 1024)
    assert (facts.family, facts.tied, facts.dtype) == ("gpt2", True, ModelDtype.BFLOAT16)
    assert facts.kind is ModelSourceKind.NEMO


@pytest.mark.parametrize(
    ("num_tokens", "rows"), [(1, 256), (256, 256), (257, 512), (50_257, 50_432)]
)
def test_the_vocabulary_is_padded_for_its_ranks(tmp_path: Path, num_tokens: int, rows: int) -> None:
    assert facts_of(tmp_path, num_tokens=num_tokens).vocab_size == rows


@pytest.mark.parametrize("mode", ["w", "w:gz"])
@pytest.mark.parametrize("form", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT, tarfile.USTAR_FORMAT])
def test_every_form_of_archive_and_the_folder_say_the_same(
    tmp_path: Path, mode: str, form: int
) -> None:
    plain = facts_of(tmp_path)
    files = nemo_files()
    (tmp_path / "other.nemo").write_bytes(nemo_bytes(files, mode, form))
    folder = write_nemo_folder(tmp_path / "extracted", files)

    assert read_nemo_facts(tmp_path / "other.nemo") == plain
    assert read_nemo_facts(folder) == plain


def test_a_rope_model_with_grouped_queries_is_shaped_like_llama(tmp_path: Path) -> None:
    extra = "position_embedding_type: rope\nnormalization: rmsnorm\nnum_query_groups: 2\n"
    untied = "share_embeddings_and_output_weights: false\noverride_vocab_size: 777\n"

    facts = facts_of(tmp_path, CONFIG + extra + untied)

    assert (facts.family, facts.num_kv_heads, facts.tied) == ("llama", 2, False)
    assert facts.vocab_size == 777


def test_the_pieces_of_a_sentencepiece_model_are_counted(tmp_path: Path) -> None:
    sentencepiece = pytest.importorskip("sentencepiece")
    model, text = io.BytesIO(), ["the quick brown fox jumps over the lazy dog"] * 20
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(text), model_writer=model, vocab_size=30, minloglevel=2
    )
    tokenizer = "tokenizer: {library: sentencepiece, type: null, model: 'nemo:ab_tok.model'}\n"
    config = CONFIG[: CONFIG.index("tokenizer:")] + tokenizer
    files = nemo_files(config) | {"ab_tok.model": model.getvalue()}
    multiple = "make_vocab_size_divisible_by: 128"
    files["model_config.yaml"] = config.replace(multiple, multiple[:-3] + "1").encode()

    folder = write_nemo_folder(tmp_path / "extracted", files)

    assert read_nemo_facts(folder).vocab_size == 30


def test_a_large_member_is_stepped_over_by_its_pax_size(tmp_path: Path) -> None:
    """Python's tarfile writes sizes of 8 GiB and more into the pax header alone."""
    weights = tarfile.TarInfo("./a_weights.ckpt")
    weights.size = 9 << 30
    header = weights.tobuf(tarfile.PAX_FORMAT)
    path = tmp_path / "gpt.nemo"
    with path.open("wb") as file:
        file.write(header)
        file.seek(weights.size, 1)  # a hole: no byte of it is on the disk
        file.write(nemo_bytes(nemo_files()))

    assert read_nemo_facts(path).num_layers == 3


def test_what_is_no_archive_or_has_no_config_is_told(tmp_path: Path) -> None:
    whole = nemo_bytes(nemo_files())

    assert "no tar archive" in fault_of(tmp_path, b"not a tar archive" * 100)
    assert "unfinished" in fault_of(tmp_path, b"")
    assert "no model_config.yaml" in fault_of(tmp_path, nemo_bytes({"x": b""}))
    assert "unfinished" in fault_of(tmp_path, whole[:700])
    assert "gzip" in fault_of(tmp_path, nemo_bytes(nemo_files(), "w:gz")[:-200])
    assert "larger" in fault_of(tmp_path, nemo_bytes({"model_config.yaml": b" " * (1 << 18)}))


@pytest.mark.parametrize(
    ("old", "new", "word"),
    [
        ("hidden_size: 48", "hidden_size: many", "`hidden_size`"),
        ("hidden_size: 48\n", "", "`hidden_size`"),
        ("num_layers: 3", "num_layers: -3", "`num_layers`"),
        ("num_layers: 3", "num_layers: *x", "line 5"),
        ("num_layers: 3", "num_layers: !!python/object:os.system 3", "line 5"),
        (
            "type: GPT2BPETokenizer\n  model: null\n  vocab_file: nemo:",
            "vocab_file: x",
            "tokenizer",
        ),
    ],
)
def test_a_config_that_says_too_little_is_told(
    tmp_path: Path, old: str, new: str, word: str
) -> None:
    assert old in CONFIG

    assert word in fault_of(tmp_path, nemo_bytes(nemo_files(CONFIG.replace(old, new))))


def test_no_path_of_the_config_leads_out_of_the_model(tmp_path: Path) -> None:
    (tmp_path / "secret.json").write_text("{}")
    for name in ("../secret.json", "/etc/passwd", "nemo:..", "nemo:", "nemo:\\e"):
        config = CONFIG.replace("nemo:0123456789abcdef0123456789abcdef_vocab.json", f'"{name}"')
        folder = write_nemo_folder(tmp_path / "extracted", nemo_files(config))
        assert read_nemo_facts(folder).vocab_size == 50_432  # GPT-2's, by the tokenizer's name


@given(data=st.data())
def test_a_damaged_archive_gives_its_error_and_no_other(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    mode = data.draw(st.sampled_from(["w", "w:gz"]))
    content = bytearray(nemo_bytes(nemo_files(), mode))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, min(len(content), 12_000) - 1))
        content[at] = data.draw(st.integers(0, 255))
    path = tmp_path_factory.mktemp("nemo") / "gpt.nemo"
    path.write_bytes(bytes(content[: data.draw(st.integers(0, len(content)))]))

    with suppress(ModelFactsError):
        read_nemo_facts(path)


def test_a_spec_is_checked_against_a_nemo_model(tmp_path: Path, world_folder: Path) -> None:
    (tmp_path / "data").symlink_to(world_folder / "data")
    (tmp_path / "gpt.nemo").write_bytes(nemo_bytes(nemo_files()))
    model = "model: {source: gpt.nemo, max_seq_length: 4096}"
    split = "parallelism: {devices: 3, tensor_model_parallel_size: 3}\n"

    found = check(spec(split, model=model), tmp_path).diagnostics

    assert seen(found) == [("SP0108", "gpt.nemo"), ("SP0313", "4096"), ("SP0316", "3")]
