"""The texts that a template is filled with, taken from a record."""

from collections.abc import Collection, Mapping, Sequence
from enum import StrEnum


class RecordErrorKind(StrEnum):
    """What is wrong with a field of a record."""

    MISSING = "missing"
    NOT_TEXT = "not_text"
    LONE_SURROGATE = "lone_surrogate"


class RecordError(ValueError):
    """A record that the template cannot be filled with. `row` counts from 0 in its batch."""

    def __init__(self, kind: RecordErrorKind, field: str, row: int) -> None:
        saying = {
            RecordErrorKind.MISSING: "is missing",
            RecordErrorKind.NOT_TEXT: "is not text",
            RecordErrorKind.LONE_SURROGATE: "holds half a surrogate pair, which is no character",
        }
        super().__init__(f"row {row}: the field {field!r} {saying[kind]}")
        self.kind = kind
        self.field = field
        self.row = row


def values_of(
    record: Mapping[str, object], fields: Sequence[str], optional: Collection[str], row: int
) -> dict[str, str]:
    """The text of each field. A field of `optional` that is not there is empty. Raises RecordError.

    row: the record's number in its batch, for the error.
    """
    values: dict[str, str] = {}
    for field in fields:
        value = record.get(field)
        if value is None and field not in record and field in optional:
            value = ""
        if not isinstance(value, str):
            missing = field not in record
            kind = RecordErrorKind.MISSING if missing else RecordErrorKind.NOT_TEXT
            raise RecordError(kind, field, row)
        if not _is_unicode(value):
            raise RecordError(RecordErrorKind.LONE_SURROGATE, field, row)
        values[field] = value
    return values


def _is_unicode(text: str) -> bool:
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
