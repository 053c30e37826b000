"""A diagnostic as lines of text, for formats that draw the source themselves."""

from softprompt_compiler.diagnostic import Diagnostic
from softprompt_compiler.secrets import masked
from softprompt_compiler.source import SourceKind


def message_lines(diagnostic: Diagnostic) -> list[str]:
    """The message, then notes and help, without secrets; a format has to make the rest harmless."""
    head = diagnostic.message
    if diagnostic.span.source.kind is SourceKind.SETTING:
        head += f" (in --set {masked(diagnostic.span.source.text)})"
    notes = [f"note: {note}" for note in diagnostic.notes]
    return [head, *notes, *(f"help: {text}" for text in diagnostic.help)]
