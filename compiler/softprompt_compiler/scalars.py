"""Plain scalars by YAML 1.2's core schema, and text back to a scalar.

PyYAML's own rules are those of YAML 1.1, where `1e-3` is text, `no` is false and `010` is 8.
Here, as the YAML 1.2.2 specification has it in section 10.3.2, `1e-3` is a number, `no` is text,
and `010` is 10.
"""

import re

from softprompt_compiler.tree import Scalar

_NULL = {"", "~", "null", "Null", "NULL"}
_TRUE = {"true", "True", "TRUE"}
_FALSE = {"false", "False", "FALSE"}
_INT = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_SPECIAL_FLOAT = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")
_MAX_DIGITS = 400  # more than any number of a spec has; Python itself stops at 4300

_LONGEST_SHOWN = 120
# As text: only a fault quotes anything, so `re` compiles them then.
_DRIVE = r"[A-Za-z]:\\"
_UNQUOTABLE = r"[\x00-\x1f\x7f-\xa0\u2028\u2029\ud800-\udfff\ufeff]"


class NumberTooLongError(ValueError):
    """A number of so many digits that it can only be a mistake."""


def resolve_plain(text: str) -> Scalar:
    """The value of a scalar without quotes. Raises NumberTooLongError."""
    if text in _NULL:
        return None
    if text in _TRUE or text in _FALSE:
        return text in _TRUE
    is_int, is_float = _INT.fullmatch(text), _FLOAT.fullmatch(text)
    if (is_int or is_float) and len(text) > _MAX_DIGITS:
        raise NumberTooLongError
    if is_int:
        return int(text, 0) if text[:2] in ("0o", "0x") else int(text)
    if is_float:
        return float(text)
    if _SPECIAL_FLOAT.fullmatch(text):
        return float(text.replace(".", "", 1))
    return text


def quoted(text: str) -> str:
    """`text` as a quoted YAML scalar on one line: in single quotes where that is enough."""
    if re.search(_UNQUOTABLE, text) or "'" in text:
        escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
        return '"' + re.sub(_UNQUOTABLE, _escape, escaped) + '"'
    return f"'{text}'"


def quoted_as_meant(text: str) -> str:
    """`text`, written without quotes, in those that its author most likely means.

    Without quotes, and in single ones, `\\n` is two characters; who writes it means a line break.
    """
    backslashes = text.count("\\")
    means_breaks = backslashes and backslashes == text.count("\\n") and not re.match(_DRIVE, text)
    if not means_breaks or re.search(_UNQUOTABLE, text):
        return quoted(text)
    return '"' + text.replace('"', '\\"') + '"'


def in_quotes(text: str) -> str:
    """Advice to quote `text`, which is shown unless it is long."""
    shown = f": {quoted_as_meant(text)}" if len(text) <= _LONGEST_SHOWN else ""
    return f"put quotes around the whole text{shown}"


def _escape(match: re.Match[str]) -> str:
    code = ord(match.group())
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"
