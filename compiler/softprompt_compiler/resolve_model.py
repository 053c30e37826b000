"""`model.source` -> the files of the base model."""

from dataclasses import dataclass

from softprompt_compiler.catalogue import field
from softprompt_compiler.catalogue import world as rules
from softprompt_compiler.diagnostic import Diagnostic, Fix
from softprompt_compiler.source import Span
from softprompt_compiler.spec.section import DamagedFieldError
from softprompt_compiler.spec.spec import Spec
from softprompt_compiler.tree import Tree
from softprompt_compiler.world import World
from softprompt_plan.model_source import Located, NotFound, NotFoundKind
from softprompt_plan.vocabulary import ModelSourceKind


@dataclass(frozen=True, kw_only=True)
class ModelFiles:
    """What is known of the base model. kind: None if there is none; files: None if not here."""

    kind: ModelSourceKind | None
    files: Located | None
    diagnostics: tuple[Diagnostic, ...] = ()


def resolve_model(tree: Tree, spec: Spec, world: World) -> ModelFiles:
    """Where the model's files are, and what is wrong with its source."""
    try:
        source, revision = spec.model.source, spec.model.revision
    except DamagedFieldError:
        return ModelFiles(kind=None, files=None)
    found = world.locate_model(source, revision)
    if isinstance(found, Located):
        return ModelFiles(kind=found.kind, files=found)
    node = tree.find(("model", "source"))
    assert node is not None, "a source that bound is in the tree"
    kind = ModelSourceKind.HUB if found.kind is NotFoundKind.HUB else None
    return ModelFiles(kind=kind, files=None, diagnostics=(_not_found(source, found, node.span),))


def _not_found(source: str, found: NotFound, span: Span) -> Diagnostic:
    near = found.suggestions[0] if found.suggestions else None
    hints = [f"did you mean `{near}`?"] if near else []
    fix = Fix.guess(span, near) if near else None
    match found.kind:
        case NotFoundKind.HUB:
            hints.append("a run downloads it from the Hugging Face hub")
            return rules.MODEL_NOT_HERE.at(span, source=source, help=hints, fix=fix)
        case NotFoundKind.UNSUPPORTED if ".nemo" in source.lower() or "NeMo" in found.reason:
            hint = "convert it to a Hugging Face folder"
            return field.NOT_BUILT_YET.at(span, feature="reading NeMo checkpoints", help=hint)
        case NotFoundKind.UNSUPPORTED:
            return rules.MODEL_UNREADABLE.at(span, reason=found.reason, help=hints, fix=fix)
        case _:
            return rules.MODEL_NOT_FOUND.at(span, reason=found.reason, help=hints, fix=fix)
