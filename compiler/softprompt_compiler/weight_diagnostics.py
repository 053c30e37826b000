"""Faults of a model's weight files -> diagnostics at `model.source`, one for each kind of fault."""

from collections.abc import Iterator
from itertools import groupby

from softprompt_compiler.catalogue import model_files as rules
from softprompt_compiler.catalogue import world
from softprompt_compiler.diagnostic import Diagnostic
from softprompt_compiler.facts import ModelFacts
from softprompt_compiler.source import Span
from softprompt_plan.vocabulary import ModelSourceKind
from softprompt_plan.weight_files import WeightFault, WeightFaultKind

_RULES = {
    WeightFaultKind.CUT_OFF: rules.WEIGHTS_CUT_OFF,
    WeightFaultKind.DAMAGED: rules.WEIGHTS_DAMAGED,
    WeightFaultKind.FILE_MISSING: rules.WEIGHT_FILE_MISSING,
    WeightFaultKind.TENSOR_MISSING: rules.WEIGHTS_MISSING,
    WeightFaultKind.SHAPE: rules.WEIGHTS_CONTRADICT_CONFIG,
}
_HELP = "take config.json and the weights from the same place"
_MOST_NAMED = 5  # further subjects of one kind


def weight_diagnostics(source: str, facts: ModelFacts, span: Span) -> Iterator[Diagnostic]:
    """What is wrong with the weights of a model whose config has been read."""
    if not facts.has_weights and facts.kind is not ModelSourceKind.HUB:
        hint = "copy its `*.safetensors` files there before a run"
        yield world.MODEL_WITHOUT_WEIGHTS.at(span, help=hint)
        return
    faults = () if facts.weights is None else facts.weights.faults
    not_here = [fault for fault in faults if fault.kind is WeightFaultKind.FILE_MISSING]
    if facts.kind is ModelSourceKind.HUB and (not_here or not facts.has_weights):
        hint = "a run downloads them from the Hugging Face hub"
        notes = "not checked: whether the weights are whole and go with config.json"
        yield rules.WEIGHTS_NOT_HERE.at(span, source=source, notes=notes, help=hint)
        faults = [fault for fault in faults if fault not in not_here]
    ordered = sorted(faults, key=lambda fault: list(WeightFaultKind).index(fault.kind))
    for kind, group in groupby(ordered, key=lambda fault: fault.kind):
        yield _diagnostic(kind, list(group), span)


def _diagnostic(kind: WeightFaultKind, faults: list[WeightFault], span: Span) -> Diagnostic:
    first, others = faults[0], faults[1:]
    named = ", ".join(f"`{fault.subject:.80}`" for fault in others[:_MOST_NAMED])
    more = f", and {len(others) - _MOST_NAMED} more" if len(others) > _MOST_NAMED else ""
    return _RULES[kind].at(
        span,
        subject=f"{first.subject:.120}",
        detail=first.detail,
        notes=f"the same is true of {named}{more}" if others else (),
        help=first.help or _HELP,
    )
