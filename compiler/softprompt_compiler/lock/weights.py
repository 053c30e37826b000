"""A digest of a base model's weights that does not read them all."""

from collections.abc import Iterator
from pathlib import Path

from softprompt_plan.serialize import digest_of

_WEIGHTS = ("*.safetensors", "*.bin")  # of the first that is there
_INDEX = "*.index.json"
_CHUNK = 1 << 20  # bytes
_NUM_SAMPLES = 64
_SAMPLE = 64 << 10  # bytes


def weights_digest(model: Path, *, whole: bool) -> str | None:
    """sha256 over the weight files of a folder, or a GGUF file; None if there are none.

    whole: over all bytes. Else over each file's name and size, its first MiB, which holds the
    shapes of its tensors, and 64 pieces of 64 KiB spread evenly over it: a model that was trained
    on, or stored in another type, differs in them; a file in which a few numbers were changed may
    not. Raises OSError.
    """
    files = list(_files(model))
    if not files:
        return None
    is_folder = model.is_dir()
    return digest_of(
        piece
        for file in files
        for piece in _pieces(file, file.name if is_folder else "", whole=whole)
    )


def _files(model: Path) -> Iterator[Path]:
    if not model.is_dir():
        yield model
        return
    for pattern in _WEIGHTS:
        files = sorted(model.glob(pattern))
        if files:
            yield from sorted(model.glob(_INDEX))
            yield from files
            return


def _pieces(file: Path, name: str, *, whole: bool) -> Iterator[bytes]:
    size = file.stat().st_size
    yield f"{name}\0{size}\0".encode()
    with file.open("rb") as opened:
        if whole or size <= _CHUNK + _NUM_SAMPLES * _SAMPLE:
            while chunk := opened.read(_CHUNK):
                yield chunk
            return
        yield opened.read(_CHUNK)
        for number in range(_NUM_SAMPLES):
            opened.seek(_CHUNK + number * (size - _CHUNK - _SAMPLE) // (_NUM_SAMPLES - 1))
            yield opened.read(_SAMPLE)
