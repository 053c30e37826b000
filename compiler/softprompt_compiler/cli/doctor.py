"""`spec doctor`."""

import json
import os
import sys
from collections.abc import Iterator, Mapping
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from softprompt_compiler.cli.options import Color, ColorChoice, Runs
from softprompt_compiler.cli.output import put, style_for
from softprompt_compiler.render.display import safe

if TYPE_CHECKING:
    from softprompt_compiler.doctor.finding import Finding
    from softprompt_compiler.render.human import Style

_FORMAT_VERSION = "1.0"  # 1.x only adds keys
_COLORS = {"ok": "\x1b[32m", "warning": "\x1b[33m", "problem": "\x1b[1;91m"}


class DoctorFormat(StrEnum):
    """How findings are printed."""

    HUMAN = "human"
    JSON = "json"


def doctor(
    runs: Runs = None,
    output_format: Annotated[
        DoctorFormat, typer.Option("--output-format", "-o", help="How findings are printed.")
    ] = DoctorFormat.HUMAN,
    color: Color = ColorChoice.AUTO,
) -> None:
    """Say whether this machine can do what specs ask of it.

    Versions against those that were tested, torch and its devices, memory, disks, caches, limits,
    launchers. Nothing is fetched and nothing is kept. Exits with 1 if there is a problem.
    """
    style = style_for(sys.stdout, color, os.environ)
    findings: list[Finding] = []
    for finding in _findings(runs):
        findings.append(finding)
        if output_format is DoctorFormat.HUMAN:
            put(_line(finding, style))
    if output_format is DoctorFormat.JSON:
        put(_json(findings))
    raise typer.Exit(1 if any(each.health == "problem" for each in findings) else 0)


def _findings(runs: str | None) -> "Iterator[Finding]":
    from softprompt_compiler.doctor import machine, packages, runtime

    environment: Mapping[str, str] = os.environ
    folder = Path(runs or environment.get("SOFTPROMPT_RUNS") or "runs").absolute()
    yield from packages.check_python()
    yield from packages.check_packages()
    yield from runtime.check_torch(environment)
    yield from machine.check_memory()
    yield from machine.check_folders(environment, folder)
    yield from machine.check_hub(environment)
    yield from machine.check_limits()
    yield from machine.check_launchers()
    yield from machine.check_terminal(sys.stdout.encoding)
    yield from machine.check_model_packages()


def _line(finding: "Finding", style: "Style") -> str:
    health = style.paint(f"{finding.health.value:<7}", _COLORS[finding.health])
    help = f"\n{'':<24}= help: {safe(finding.help)}" if finding.help else ""
    return f"{health}  {finding.name:<14} {safe(finding.detail)}{help}\n"


def _json(findings: "list[Finding]") -> str:
    value = {
        "format_version": _FORMAT_VERSION,
        "healthy": all(each.health != "problem" for each in findings),
        "findings": [
            {
                "name": each.name,
                "health": each.health.value,
                "detail": each.detail,
                "help": each.help,
            }
            for each in findings
        ],
    }
    return json.dumps(value, indent=2) + "\n"
