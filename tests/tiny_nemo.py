"""NeMo models as far as the compiler reads them, made in the test."""

import io
import tarfile
from collections.abc import Mapping
from pathlib import Path

CONFIG = """\
micro_batch_size: 4
tensor_model_parallel_size: 2
encoder_seq_length: 2048
max_position_embeddings: 1024
num_layers: 3
hidden_size: 48
ffn_hidden_size: ${multiply:4, ${.hidden_size}}
num_attention_heads: 4
kv_channels: null
make_vocab_size_divisible_by: 128
precision: bf16-mixed
tokenizer:
  library: megatron
  type: GPT2BPETokenizer
  model: null
  vocab_file: nemo:0123456789abcdef0123456789abcdef_vocab.json
  merge_file: nemo:0123456789abcdef0123456789abcdef_merges.txt
optim: {name: fused_adam, lr: 1e-4, betas: [0.9, 0.98]}
target: nemo.collections.nlp.models.language_modeling.megatron_gpt_model.MegatronGPTModel
"""


def nemo_files(config: str = CONFIG, num_tokens: int = 200) -> dict[str, bytes]:
    """The files of a NeMo model; its weights are no weights."""
    prefix = "0123456789abcdef0123456789abcdef"
    vocabulary = ", ".join(f'"token{number}": {number}' for number in range(num_tokens))
    return {
        f"{prefix}_merges.txt": b"#version: 0.2\n",
        f"{prefix}_vocab.json": f"{{{vocabulary}}}".encode(),
        "model_config.yaml": config.encode(),
        "mp_rank_00/model_weights.ckpt": b"\x80\x02." * 1000,
    }


def nemo_bytes(
    files: Mapping[str, bytes], mode: str = "w", form: int = tarfile.PAX_FORMAT
) -> bytes:
    """The archive of files, as NeMo packs it."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode=mode, format=form) as archive:  # pyright: ignore
        for name, content in files.items():
            member = tarfile.TarInfo(f"./{name}")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return stream.getvalue()


def write_nemo_folder(folder: Path, files: Mapping[str, bytes]) -> Path:
    """The extracted folder of files."""
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder
