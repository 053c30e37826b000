"""The `spec` command: the only part of the compiler that reads specs, writes files and prints."""


def main() -> None:
    """Run the command line and end the process with its exit code."""
    import os

    # pydantic looks through the metadata of every installed package for plugins; we use none.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    from softprompt_compiler.cli.app import run

    raise SystemExit(run())
