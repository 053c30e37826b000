"""What the doctor found."""

from dataclasses import dataclass
from enum import StrEnum


class Health(StrEnum):
    """OK; WARNING: works, and not as well as it might; PROBLEM: a run or a check will fail."""

    OK = "ok"
    WARNING = "warning"
    PROBLEM = "problem"


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One line. help: what to do; empty where all is well."""

    name: str
    health: Health
    detail: str
    help: str = ""


def ok(name: str, detail: str) -> Finding:
    """All is well."""
    return Finding(name=name, health=Health.OK, detail=detail)


def warning(name: str, detail: str, help: str) -> Finding:
    """Works, and not as well as it might."""
    return Finding(name=name, health=Health.WARNING, detail=detail, help=help)


def problem(name: str, detail: str, help: str) -> Finding:
    """A run or a check will fail."""
    return Finding(name=name, health=Health.PROBLEM, detail=detail, help=help)
