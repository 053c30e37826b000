"""The spec beside the numbers of its base model."""

from collections.abc import Iterator

from softprompt_compiler.catalogue import world as rules
from softprompt_compiler.check.places import conflict, stated
from softprompt_compiler.diagnostic import Diagnostic, Label
from softprompt_compiler.resolved import ResolvedSpec


def check_positions(resolved: ResolvedSpec) -> Iterator[Diagnostic]:
    """SP0313: a row is no longer than the model's positions."""
    limit, wanted = resolved.model_facts.max_positions, resolved.spec.model.max_seq_length
    if limit is None or wanted <= limit:
        return
    text = f"this model has {limit} positions"
    yield conflict(
        rules.TOO_FEW_POSITIONS,
        stated(resolved, wanted, "model", "max_seq_length"),
        Label(span=resolved.place("model", "source"), text=text),
        limit=limit,
        wanted=wanted,
        help=f"write `max_seq_length: {limit}` or less",
    )
