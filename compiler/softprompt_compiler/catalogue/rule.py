"""What a rule is: a code, a name, a severity and the one sentence it says."""

from collections.abc import Iterable
from dataclasses import dataclass

from softprompt_compiler.diagnostic import Diagnostic, Fix, Label, Severity
from softprompt_compiler.secrets import masked
from softprompt_compiler.source import Span


@dataclass(frozen=True)
class Rule:
    """A kind of fault. Codes go by phase and are never used again for another fault.

    SP00xx text, SP01xx one field, SP02xx several fields, SP03xx the world (model, data), SP09xx a
    bug of softprompt. `name` names the fault, not the cure, in kebab-case. `message` is a format
    string in the present tense, without "please" or "invalid".
    """

    code: str
    name: str
    severity: Severity
    message: str

    def at(
        self,
        span: Span,
        *,
        label: str = "",
        labels: Iterable[Label] = (),
        notes: str | Iterable[str] = (),
        help: str | Iterable[str] = (),
        fix: Fix | None = None,
        **values: object,
    ) -> Diagnostic:
        """The diagnostic of this fault at `span`, its message filled in with `values`.

        No text of it shows a secret that the spec holds.

        label: what is wrong there. labels: the other places that take part. Raises KeyError if a
        value of the message is missing.
        """
        return Diagnostic(
            code=self.code,
            name=self.name,
            severity=self.severity,
            message=masked(self.message.format(**values)),
            primary=Label(span=span, text=masked(label)),
            secondary=tuple(Label(span=each.span, text=masked(each.text)) for each in labels),
            notes=_texts(notes),
            help=_texts(help),
            fix=fix,
        )


def _texts(texts: str | Iterable[str]) -> tuple[str, ...]:
    return tuple(map(masked, (texts,) if isinstance(texts, str) else texts))
