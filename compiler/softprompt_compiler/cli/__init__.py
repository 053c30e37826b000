"""The `spec` command: the only part of the compiler that reads specs, writes files and prints."""


def main() -> None:
    """Run the command line and end the process with its exit code."""
    from softprompt_compiler.cli.app import run

    raise SystemExit(run())
