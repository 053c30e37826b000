"""`spec explain` and `spec schema`: what there is to read."""

import json
from typing import Annotated, Any

import typer

from softprompt_compiler.cli.failure import CommandFailure
from softprompt_compiler.cli.output import put


def explain(
    topic: Annotated[
        str,
        typer.Argument(
            metavar="CODE|FIELD", help="A code such as SP0101, or a field: training.max_epochs."
        ),
    ],
) -> None:
    """Explain a diagnostic or a field of the spec."""
    from softprompt_compiler.explain import UnknownTopicError
    from softprompt_compiler.explain import explain as page_of

    try:
        page = page_of(topic)
    except UnknownTopicError as error:
        hint = error.hint or "`spec schema` prints all fields"
        raise CommandFailure(
            f"{topic} is neither a code nor a field of the spec", help=hint, exit_code=2
        ) from None
    put(page)


def schema(
    report: Annotated[
        bool, typer.Option("--report", help="That of `spec validate -o json` instead.")
    ] = False,
) -> None:
    """Print the spec language's JSON Schema."""
    put(report_schema_text() if report else schema_text())


def schema_text() -> str:
    """The JSON Schema as a file's text."""
    from softprompt_compiler.schema import json_schema

    return _as_file(json_schema())


def report_schema_text() -> str:
    """The JSON Schema of reports as a file's text."""
    from softprompt_compiler.report_schema import report_schema

    return _as_file(report_schema())


def _as_file(schema: dict[str, Any]) -> str:
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"
