"""What every section of a spec has in common, and the value types that several use.

A section is closed (an unknown key is a fault), uncoerced (`"1"` is no number) and frozen. A
section may be bound in part: a field that is at fault is then not there, and reading it raises
DamagedFieldError, so that checks of the sound fields still run.
"""

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, TypeVar

from pydantic import BaseModel, ConfigDict, Field, Strict

NAME_PATTERN = r"^[A-Za-z0-9_][A-Za-z0-9_.-]*$"
NAME_LENGTH = 64  # characters; names become names of files and of tensors
LARGEST_COUNT = 2**31 - 1


class DamagedFieldError(Exception):
    """A field that did not bind was read. Whoever runs a check skips what is left of it."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


class Section(BaseModel):
    """A closed mapping of the spec language."""

    model_config = ConfigDict(
        strict=True,
        frozen=True,
        extra="forbid",
        allow_inf_nan=False,
        protected_namespaces=(),  # `model` is a word of the language
        defer_build=True,  # a spec is validated as a whole: one validator, not one a section
    )

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> object:
            if name in type(self).model_fields:
                raise DamagedFieldError(name)
            return super().__getattr__(name)


_E = TypeVar("_E", bound=StrEnum)
_T = TypeVar("_T")

# A strict pydantic field takes only members of an enumeration and only tuples; a spec has words and
# lists. What is inside stays strict.
Word = Annotated[_E, Strict(False)]
Items = Annotated[tuple[_T, ...], Strict(False)]
SomeItems = Annotated[tuple[_T, ...], Strict(False), Field(min_length=1)]

Count = Annotated[int, Field(ge=1, le=LARGEST_COUNT)]
CountOrZero = Annotated[int, Field(ge=0, le=LARGEST_COUNT)]
Text = Annotated[str, Field(min_length=1)]
Name = Annotated[str, Field(pattern=NAME_PATTERN, max_length=NAME_LENGTH)]
Paths = Text | SomeItems[Text]
Seed = Annotated[int, Field(ge=0, le=2**32 - 1)]
