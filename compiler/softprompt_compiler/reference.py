"""The spec language as a page of Markdown: `python -m softprompt_compiler.reference`."""

import json
import sys
from collections.abc import Iterator
from enum import StrEnum
from typing import Any

from pydantic.fields import FieldInfo

from softprompt_compiler.field_page import words_of
from softprompt_compiler.spec.describe import field_shape, in_words, item_shape, section_of
from softprompt_compiler.spec.meanings import meaning
from softprompt_compiler.spec.section import Section
from softprompt_compiler.spec.spec import Spec

_OPENING = """\
# The spec language

<!-- Written by `python -m softprompt_compiler.reference`. Do not edit. -->

A spec is one YAML 1.2 file. Every key is listed with what it takes and what it is if left out; any
other key is refused. `spec explain training.max_epochs` prints the same for one key, and `spec
schema` writes it as a JSON Schema for editors.
"""


def reference() -> str:
    """The page."""
    return "\n".join([_OPENING, *_section_lines(Spec, "")]).rstrip("\n") + "\n"


def _section_lines(section: type[Section], path: str) -> Iterator[str]:
    yield f"## `{path}`" if path else "## The spec"
    yield ""
    yield (section.__doc__ or "").strip()
    yield ""
    inner: list[tuple[type[Section], str]] = []
    for name, field in section.model_fields.items():
        yield from _field_lines(f"{path}.{name}".lstrip("."), field)
        shape = field_shape(field)
        items = item_shape(shape)
        if held := section_of(shape):
            inner.append((held, f"{path}.{name}".lstrip(".")))
        elif items and (each := section_of(items)):
            inner.append((each, f"{path}.{name}.NAME".lstrip(".")))
    for held, at in inner:
        yield from _section_lines(held, at)


def _field_lines(path: str, field: FieldInfo) -> Iterator[str]:
    shape = field_shape(field)
    takes = f"takes {in_words(shape)}"
    if field.is_required():
        takes += "; must be given"
    elif not _is_section(field):
        takes += f"; default {_shown(field.get_default(call_default_factory=True))}"
    yield f"### {path}"
    yield ""
    yield field.description or ""
    yield ""
    yield f"- {takes}"
    yield from (f"  - `{word}`: {meaning(word)}" for word in words_of(shape))
    for example in field.examples or ():
        yield f"- example: {_shown(example)}"
    yield ""


def _is_section(field: FieldInfo) -> bool:
    return isinstance(field.get_default(call_default_factory=True), Section)


def _shown(value: Any) -> str:
    """A value as a spec has it: in YAML's flow style, of which JSON is a part."""
    if value is None:
        return "null"
    text = value.value if isinstance(value, StrEnum) else json.dumps(value, ensure_ascii=False)
    return f"`{text}`"


if __name__ == "__main__":
    sys.stdout.write(reference())
