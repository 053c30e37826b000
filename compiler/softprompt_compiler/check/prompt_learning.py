"""Encoder and first values of the virtual tokens."""

from collections.abc import Iterator

from softprompt_compiler.catalogue import cross as rules
from softprompt_compiler.check.places import conflict, stated
from softprompt_compiler.diagnostic import Diagnostic
from softprompt_compiler.resolved import ResolvedSpec
from softprompt_plan.vocabulary import EncoderType, InitMethod

_NEEDED = {
    InitMethod.TEXT: "text",
    InitMethod.CLASS_LABELS: "labels",
    InitMethod.PROMPT: "path",
}


def check_init(resolved: ResolvedSpec) -> Iterator[Diagnostic]:
    """SP0240: each method has what it starts from."""
    init = resolved.spec.prompt_learning.init
    key = _NEEDED.get(init.method)
    if key is not None and getattr(init, key) is None:
        yield rules.INIT_LACKS.at(
            resolved.place("prompt_learning", "init", "method"),
            method=init.method.value,
            key=key,
            help=f"write `{key}:` beside it",
        )


def check_layers(resolved: ResolvedSpec) -> Iterator[Diagnostic]:
    """SP0241: an MLP has a hidden layer."""
    encoder = resolved.spec.prompt_learning.encoder
    if encoder.type is EncoderType.MLP and encoder.num_layers < 2:
        path = ("prompt_learning", "encoder")
        yield conflict(
            rules.TOO_FEW_LAYERS,
            stated(resolved, encoder.num_layers, *path, "num_layers"),
            stated(resolved, f"`{encoder.type.value}`", *path, "type"),
            help="write `num_layers: 2`",
        )
