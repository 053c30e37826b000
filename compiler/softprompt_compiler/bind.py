"""Tree -> typed sections. One bad field silences neither its section nor the others."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, TypeVar, cast

from pydantic import TypeAdapter, ValidationError
from pydantic.fields import FieldInfo

from softprompt_compiler.diagnostic import Diagnostic
from softprompt_compiler.spec.describe import field_shape, item_shape, section_of
from softprompt_compiler.spec.section import Section
from softprompt_compiler.spec.spec import Spec
from softprompt_compiler.tree import Path, Tree, plain
from softprompt_compiler.yaml_traps import null_words, warn_of_traps

if TYPE_CHECKING:
    from softprompt_compiler.findings import Finding

_S = TypeVar("_S", bound=Section)
_DAMAGED = object()


@dataclass(frozen=True, kw_only=True)
class Bound:
    """A spec and what was found. With findings, the fields at fault are not there."""

    spec: Spec
    diagnostics: tuple[Diagnostic, ...]


def bind(tree: Tree) -> Bound:
    """The spec of a tree. Never raises."""
    values = cast("dict[str, Any]", plain(tree.root))
    nulls = list(null_words(tree.root))
    try:
        spec, error = Spec.model_validate(values), None
    except ValidationError as fault:
        spec, error = None, fault
    if spec is not None and not nulls:
        return Bound(spec=spec, diagnostics=tuple(warn_of_traps(tree.root)))
    return _bound_in_part(tree, values, nulls, error)


def _bound_in_part(
    tree: Tree, values: dict[str, Any], nulls: Sequence[Path], error: ValidationError | None
) -> Bound:
    # A sound spec does not pay for what only faults need.
    from softprompt_compiler.binding_faults import diagnose
    from softprompt_compiler.findings import Finding, FindingKind, readable

    findings = [Finding(kind=FindingKind.NULL_WORD, path=path, in_union=False) for path in nulls]
    if error is not None:
        findings += [each for each in readable(error, tree) if each.path not in nulls]
    return Bound(
        spec=_salvage(Spec, values, findings, ()),
        diagnostics=(
            *(diagnose(finding, tree) for finding in findings),
            *warn_of_traps(tree.root),
        ),
    )


def _salvage(
    section: type[_S], values: Mapping[str, Any], findings: Sequence["Finding"], at: Path
) -> _S:
    """The section without the fields at fault; reading one of them raises DamagedFieldError."""
    sound = {
        name: _sound_value(field, values[name], findings, (*at, name))
        for name, field in section.model_fields.items()
        if name in values
    }
    made = section.model_construct(_fields_set=set(sound), **sound)
    damaged = [name for name, value in sound.items() if value is _DAMAGED]
    for name in [*damaged, *_misspelt(made, findings, at)]:
        object.__delattr__(made, name)
    return made


def _misspelt(made: Section, findings: Sequence["Finding"], at: Path) -> set[str]:
    """The fields that unknown keys were most likely meant for: their defaults were not."""
    from softprompt_compiler.findings import FindingKind
    from softprompt_compiler.suggest import nearest

    known = type(made).model_fields
    unknown = FindingKind.UNKNOWN_KEY
    keys = [str(f.path[-1]) for f in findings if f.kind is unknown and f.path[:-1] == at]
    meant = {nearest(key, known) for key in keys}
    return {name for name in meant if name and name in set(made.__dict__) - made.model_fields_set}


def _sound_value(field: FieldInfo, value: Any, findings: Sequence["Finding"], at: Path) -> Any:
    inside = [finding for finding in findings if finding.path[: len(at)] == at]
    if not inside:
        return _validated(field, value)
    shape = field_shape(field)
    items = item_shape(shape)
    inner, each = section_of(shape), items and section_of(items)
    if inner and isinstance(value, dict):
        return _salvage(inner, cast("dict[str, Any]", value), inside, at)
    if each and isinstance(value, dict) and value:
        entries = cast("dict[str, Any]", value).items()
        return {
            key: _salvage(each, entry, inside, (*at, key))
            for key, entry in entries
            if isinstance(entry, dict)
        }
    if all(finding.is_of_key for finding in inside):
        return value  # a mapping to text: a bad name has been reported, and its text is sound
    return _DAMAGED


def _validated(field: FieldInfo, value: Any) -> Any:
    inner = section_of(field_shape(field))
    if inner and value is not None:
        return inner.model_validate(value)
    kind = Annotated[field.annotation, *field.metadata] if field.metadata else field.annotation
    return TypeAdapter[Any](cast("Any", kind), config=Section.model_config).validate_python(value)
