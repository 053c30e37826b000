"""What torch sees, asked of the runtime in a process of its own."""

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, cast

from softprompt_compiler.doctor.finding import Finding, ok, problem, warning
from softprompt_compiler.runtime_install import install_line, missing_packages

_SECONDS = 180  # the first import of torch on a slow disk
_NVIDIA = Path("/dev/nvidia0")


def check_torch(environment: Mapping[str, str]) -> Iterator[Finding]:
    """Whether the runtime can be imported, and which devices it has."""
    if missing_packages():
        return  # told with the packages
    command = [sys.executable, "-m", "softprompt_runtime.doctor"]
    try:
        done = subprocess.run(  # noqa: S603 the command is ours
            command,
            env={**environment, "PYTHONWARNINGS": "ignore"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        yield problem("torch", f"no answer in {_SECONDS} s", f"try it: {' '.join(command)}")
        return
    except OSError as error:
        yield problem("torch", f"{sys.executable} cannot be started: {error.strerror}", "")
        return
    answer = _answer(done.stdout)
    if done.returncode != 0 or answer is None:
        said = done.stderr.decode(errors="replace").strip().splitlines()
        why = said[-1] if said else f"exit code {done.returncode}"
        yield problem("torch", f"the runtime cannot be imported: {why}", f"again: {install_line()}")
        return
    yield ok("torch", _torch(answer))
    yield from _devices(answer)


def _answer(output: bytes) -> dict[str, Any] | None:
    """The JSON object of the last line; libraries may print before it."""
    lines = output.decode(errors="replace").strip().splitlines()
    try:
        value = json.loads(lines[-1]) if lines else None
    except ValueError:
        return None
    return cast("dict[str, Any]", value) if isinstance(value, dict) else None


def _torch(answer: dict[str, Any]) -> str:
    build = f"CUDA {answer['cuda']}" if answer["cuda"] else "built for the CPU"
    backends = ", ".join(answer["backends"]) or "no"
    return f"{answer['torch']}, {build}, {answer['threads']} threads, {backends} backends"


def _devices(answer: dict[str, Any]) -> Iterator[Finding]:
    gpus = answer["gpus"]
    if gpus:
        yield ok("gpu", ", ".join(f"{gpu['name']} {gpu['gib']:.0f} GiB" for gpu in gpus))
    elif _NVIDIA.exists():
        help = "install torch for this driver's CUDA, or look at CUDA_VISIBLE_DEVICES"
        yield warning("gpu", "there is an NVIDIA device, and torch does not see it", help)
    else:
        yield ok("gpu", "none; runs go on the CPU")
