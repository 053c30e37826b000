"""Tokens, keys and passwords in a text: found, and never shown in full."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

# Forms that whoever hands them out documents; each begins with a mark of its own.
_FORMS = (
    ("a Hugging Face token", r"hf_[A-Za-z0-9]{20,}"),
    ("an AWS access key", r"(?:AKIA|ASIA)[A-Z0-9]{16}"),
    ("a GitHub token", r"gh[pousr]_[A-Za-z0-9]{30,}|github_pat_[A-Za-z0-9_]{30,}"),
    ("a GitLab token", r"glpat-[A-Za-z0-9_-]{20,}"),
    ("a Slack token", r"xox[abprs]-[A-Za-z0-9-]{10,}"),
    ("a Google API key", r"AIza[A-Za-z0-9_-]{35}"),
    ("an API key", r"sk-[A-Za-z0-9_-]{20,}"),
    ("a password in a URL", r"[a-z][a-z0-9+.-]*://[^\s/@:\"']+:[^\s/@\"'$]+@"),
    ("a private key", r"-----BEGIN [A-Z ]*PRIVATE KEY-----"),
)
_FORM = re.compile(r"(?<![A-Za-z0-9])(?:" + "|".join(f"({pattern})" for _, pattern in _FORMS) + ")")
_NAME = r"[A-Z][A-Z0-9_]*(?:TOKEN|KEY|SECRET|PASSWORD|PASSWD|CREDENTIALS)|PASSWORD|SECRET|TOKEN"
# The value of a variable, in YAML or in a shell: not one that leads to the secret, as $X or a path.
_ASSIGNED = (  # as text, like _NAME: `re` compiles it where there is something to look through
    rf"(?<![A-Za-z0-9_])({_NAME})[\"']?\s*[:=]\s*"
    r"(\"(?![$/~.])(?:[^\"\\]|\\.)+\"?|'(?![$/~.])[^']+'?|[^\s,}#\"'$/~.][^\s,}#]*)"
)
_SHOWN = 4  # characters of a secret that a message may repeat: they tell its kind


@dataclass(frozen=True, kw_only=True)
class Secret:
    """What the characters `start` to `end` of a text look like."""

    start: int
    end: int
    kind: str


def secrets_in(text: str) -> Iterator[Secret]:
    """What has the form of a token or key."""
    for match in _FORM.finditer(text):
        kind = _FORMS[(match.lastindex or 1) - 1][0]
        yield Secret(start=match.start(), end=match.end(), kind=kind)


def is_secret_name(name: str) -> bool:
    """Whether a variable of this name holds a secret: `HF_TOKEN`, `DB_PASSWORD`."""
    return re.fullmatch(_NAME, name) is not None


def assigned_secrets(text: str) -> Iterator[Secret]:
    """The names that a line of shell gives a secret to in plain text."""
    for match in re.finditer(_ASSIGNED, text):
        yield Secret(start=match.start(1), end=match.end(1), kind=match[1])


def masked(text: str) -> str:
    """`text` with as many characters, its secrets as stars."""
    text = _FORM.sub(lambda match: _stars(match[0], _SHOWN), text)
    return re.sub(_ASSIGNED, _mask_value, text)


def _mask_value(match: re.Match[str]) -> str:
    start, value = match.start(2) - match.start(), match[2]
    quote = value[0] if value[0] in "\"'" else ""
    closing = quote if quote and value.endswith(quote) else ""
    inner = value[len(quote) : len(value) - len(closing)]
    if any(True for _ in secrets_in(inner)) or "*" * 3 in inner:
        return match[0]  # its form has been seen, and its first letters tell the kind
    return match[0][:start] + quote + "*" * len(inner) + closing


def _stars(text: str, shown: int) -> str:
    return text[:shown] + "*" * (len(text) - shown)
