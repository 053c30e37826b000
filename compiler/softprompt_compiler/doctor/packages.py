"""Versions of Python and of softprompt's packages, against those that were tested."""

import platform
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path

from softprompt_compiler.doctor.finding import Finding, ok, problem, warning
from softprompt_compiler.runtime_install import install_line

_OLDEST = (3, 11)
_REQUIREMENT = re.compile(
    r"([A-Za-z0-9._-]+)\s*(?:>=\s*([0-9.]+))?[^;]*(?:;\s*extra\s*==\s*['\"](\w+)['\"])?"
)
_PIN = re.compile(r"([A-Za-z0-9._-]+)==(\S+)")


@dataclass(frozen=True, kw_only=True)
class _Requirement:
    """A package of softprompt's own metadata. extra: that brings it in; "" for all installs."""

    package: str
    least: str
    extra: str


def check_python() -> Iterator[Finding]:
    """Python itself."""
    found = f"Python {platform.python_version()}, {sys.platform}, {platform.machine()}"
    if sys.version_info[:2] < _OLDEST:
        yield problem("python", found, "install Python 3.11 or newer")
    else:
        yield ok("python", found)


def check_packages() -> Iterator[Finding]:
    """Each package of the compiler, and of the runtime if any of that is installed."""
    try:
        needed = list(_requirements())
    except PackageNotFoundError:
        yield warning(
            "packages",
            "softprompt runs from a folder, not from an installation: its packages are not known",
            "install it: pip install -e '.[runtime]'",
        )
        return
    tested = dict(_tested())
    runtime = [each for each in needed if each.extra == "runtime"]
    has_runtime = any(_installed(each.package) for each in runtime if each.package == "torch")
    yield from _judged("packages", [each for each in needed if not each.extra], tested)
    if has_runtime:
        yield from _judged("runtime", runtime, tested)
        return
    yield warning(
        "runtime",
        "not installed: specs can be checked and compiled here, not run",
        f"to run them: {install_line()}",
    )


def _judged(name: str, needed: list[_Requirement], tested: dict[str, str]) -> Iterator[Finding]:
    faults = list(filter(None, (_fault(each) for each in needed)))
    for package, detail in faults:
        yield problem(name, detail, f"install it: pip install -U -c constraints.txt {package}")
    other: list[str] = []
    for each in needed:
        found, wanted = _installed(each.package), tested.get(_normal(each.package))
        if found and wanted and found.partition("+")[0] != wanted:
            other.append(f"{each.package} {found} ({wanted})")
    if faults:
        return
    if other:
        detail = f"not the versions that were tested: {', '.join(other)}"
        yield warning(name, detail, "pip install -c constraints.txt brings the tested ones")
    else:
        names = ", ".join(f"{each.package} {_installed(each.package)}" for each in needed)
        yield ok(name, names)


def _fault(needed: _Requirement) -> tuple[str, str] | None:
    found = _installed(needed.package)
    if found is None:
        return needed.package, f"{needed.package} is not installed"
    if _numbers(found) < _numbers(needed.least):
        return needed.package, f"{needed.package} {found} is older than {needed.least}"
    return None


def _requirements() -> Iterator[_Requirement]:
    """Raises PackageNotFoundError if softprompt is not installed."""
    for text in requires("softprompt") or ():
        match = _REQUIREMENT.match(text)
        if match:
            yield _Requirement(
                package=match.group(1), least=match.group(2) or "0", extra=match.group(3) or ""
            )


def _tested() -> Iterator[tuple[str, str]]:
    """constraints.txt: in the wheel beside the compiler, in a checkout at the top."""
    here = Path(__file__).resolve()
    for file in (here.parents[1] / "constraints.txt", here.parents[3] / "constraints.txt"):
        if file.is_file():
            for match in _PIN.finditer(file.read_text("utf-8")):
                yield _normal(match.group(1)), match.group(2)
            return


def _installed(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _normal(package: str) -> str:
    return re.sub(r"[-_.]+", "-", package).lower()


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", text.partition("+")[0])[:3])
