"""The `spec` command: the only part of the compiler that reads specs, writes files and prints."""

import gc
import os
import sys
from types import ModuleType

_ALLOCATIONS_BETWEEN_COLLECTIONS = 100_000  # Python's default is 700, met hundreds of times


def main() -> None:
    """Run the command line and end the process with its exit code.

    The command is short: the collector would mostly look through modules as they are imported, and
    taking the interpreter down object by object takes longer than checking a spec.
    """
    _open_closed_streams()
    gc.set_threshold(_ALLOCATIONS_BETWEEN_COLLECTIONS)
    # No other package has a say in what a spec is, nor is searched for plugins at each start.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    # pydantic's search imports importlib.metadata, and with it email and zipfile, before it reads
    # that variable. A name that pydantic no longer has would have no effect.
    no_plugins = ModuleType("pydantic.plugin._loader")
    no_plugins.__dict__["get_plugins"] = lambda: ()
    sys.modules.setdefault(no_plugins.__name__, no_plugins)
    try:
        from softprompt_compiler.cli.app import run

        code = run()
    except KeyboardInterrupt:  # while our own modules were being read
        code = 130
    os._exit(code)  # `run` has flushed the output


def _open_closed_streams() -> None:
    """Let a standard stream that the caller has closed (`<&-`) be empty, and take no output.

    Python has None in its place; and the first file that we open would get its number, and what
    children print.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115
