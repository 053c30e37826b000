"""The command line as a whole: its commands, its exit codes, and what happens on a bug."""

import sys
from collections.abc import Iterable, Sequence
from importlib import import_module
from typing import Annotated

import typer

from softprompt_compiler import __version__
from softprompt_compiler.cli.failure import CommandFailure
from softprompt_compiler.cli.output import complain, put

EXIT_BUG = 2
EXIT_INTERRUPTED = 130

# Each command and the module that holds its function; only the one that is called is imported.
COMMANDS = {
    "init": "init",
    "validate": "validate",
    "lock": "lock",
    "preview": "preview",
    "plan": "plan",
    "compile": "compile",
    "run": "launch",
    "evaluate": "launch",
    "predict": "launch",
    "fmt": "fmt",
    "diff": "diff",
    "test": "spec_test",
    "doctor": "doctor",
    "explain": "explain",
    "schema": "explain",
}


def command_line(names: Iterable[str]) -> typer.Typer:
    """The `spec` command with some of its commands."""
    app = typer.Typer(
        name="spec",
        help="Compile a YAML task spec into checked training, evaluation and launch scripts for "
        "prompt learning, and run them.",
        no_args_is_help=True,
        add_completion=False,
        rich_markup_mode=None,  # rich costs more to import than a spec to check
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_options)
    for name in names:
        module = import_module(f"softprompt_compiler.cli.{COMMANDS[name]}")
        app.command(name)(getattr(module, name, None) or getattr(module, f"{name}_"))
    return app


def _print_version(value: bool) -> None:
    if value:
        put(f"softprompt {__version__}\n")
        raise typer.Exit


def _options(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version."
        ),
    ] = False,
) -> None:
    """Hold the options of the command itself."""


def run(arguments: Sequence[str] | None = None) -> int:
    """Run one command line (by default the process's own); the exit code.

    0: fine. 1: the spec, its data or the run is at fault. 2: wrong usage, or a bug of softprompt.
    130: interrupted. Raises nothing, and leaves nothing unprinted that can be printed.
    """
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    _print_anything()
    try:
        return _run(arguments)
    except BrokenPipeError:  # whoever read our output has seen enough
        return 1


def _run(arguments: list[str]) -> int:
    try:
        # A command that is not known is answered with the names of all.
        named = arguments[:1] if arguments[:1] and arguments[0] in COMMANDS else COMMANDS
        code = command_line(named)(arguments, prog_name="spec", standalone_mode=False)
    except (KeyboardInterrupt, typer.Abort):
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        raise
    except CommandFailure as failure:
        complain(failure.message, failure.help)
        return failure.exit_code
    except Exception as error:
        return _usage_error(error) or _bug(error, arguments)
    return code if isinstance(code, int) else 0


def _bug(error: Exception, arguments: Sequence[str]) -> int:
    from softprompt_compiler.cli.bug_report import report_bug

    report_bug(error, arguments)
    return EXIT_BUG


def _usage_error(error: Exception) -> int:
    """Print typer's own complaint about the command line; 0 if `error` is none."""
    show, code = getattr(error, "show", None), getattr(error, "exit_code", None)
    if not callable(show) or not isinstance(code, int):
        return 0
    show()
    return code


def _print_anything() -> None:
    """Let no character of a spec break the output, whatever the terminal's encoding."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure:
            reconfigure(errors="backslashreplace")
