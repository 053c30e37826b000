"""Writing files into a folder so that none is ever half there."""

import errno
import os
import stat
import tempfile
from collections.abc import Mapping
from pathlib import Path

from softprompt_compiler.cli.failure import CommandFailure

_EXECUTABLE = {".sh"}


def write_files(folder: Path, files: Mapping[str, str]) -> None:
    """Write `files` (name -> text) into `folder`, which is made if need be; other files stay.

    Every text is written and synced under a temporary name before the first one is renamed to its
    own; so a full disk or a crash leaves the old files. A file that holds its text already is not
    touched. Raises CommandFailure.
    """
    temporary: dict[str, Path] = {}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name in stale_files(folder, files):
            temporary[name] = _write_aside(folder / name, files[name].encode())
        for name in list(temporary):
            temporary[name].replace(folder / name)
            del temporary[name]
        _sync_folder(folder)
    except OSError as error:
        reason = error.strerror or str(error)
        where = error.filename2 or error.filename or folder
        raise CommandFailure(f"{where} cannot be written: {reason}") from None
    finally:
        for path in temporary.values():
            path.unlink(missing_ok=True)


def stale_files(folder: Path, files: Mapping[str, str]) -> list[str]:
    """The names whose file in `folder` is not there or holds another text, in order."""
    return [name for name, text in files.items() if not _holds(folder / name, text)]


def rewrite(path: Path, data: bytes) -> None:
    """Replace the content of a file that is there, whole or not at all, keeping its permissions.

    Of a link, the file that it leads to is rewritten. Raises CommandFailure.
    """
    real = Path(os.path.realpath(path))
    temporary: Path | None = None
    try:
        if not os.access(real, os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        mode = stat.S_IMODE(real.stat().st_mode)
        temporary = _write_aside(real, data)
        temporary.chmod(mode)
        temporary.replace(real)
        temporary = None
        _sync_folder(real.parent)
    except OSError as error:
        raise CommandFailure(f"{path} cannot be written: {error.strerror}") from None
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


def _holds(path: Path, text: str) -> bool:
    data = text.encode()
    try:
        if not path.is_file() or path.stat().st_size != len(data):
            return False
        return path.read_bytes() == data
    except OSError:
        return False


def _write_aside(path: Path, data: bytes) -> Path:
    """The data under a temporary name beside `path`, synced."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".tmp", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(name, (0o777 if path.suffix in _EXECUTABLE else 0o666) & ~_umask())
    except BaseException:
        os.unlink(name)
        raise
    return Path(name)


def _sync_folder(folder: Path) -> None:
    if os.name != "posix":  # Windows opens no folders
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
