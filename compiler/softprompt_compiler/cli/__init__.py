"""The `spec` command: the only part of the compiler that reads specs, writes files and prints."""

import gc
import os

_ALLOCATIONS_BETWEEN_COLLECTIONS = 100_000  # Python's default is 700, met hundreds of times


def main() -> None:
    """Run the command line and end the process with its exit code.

    The command is short: the collector would mostly look through modules as they are imported, and
    taking the interpreter down object by object takes longer than checking a spec.
    """
    gc.set_threshold(_ALLOCATIONS_BETWEEN_COLLECTIONS)
    # No other package has a say in what a spec is, nor is searched for plugins at each start.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    try:
        from softprompt_compiler.cli.app import run

        code = run()
    except KeyboardInterrupt:  # while our own modules were being read
        code = 130
    os._exit(code)  # `run` has flushed the output
