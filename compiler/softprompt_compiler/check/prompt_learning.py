"""Encoder and first values, and settings that are known to train badly."""

from collections.abc import Iterator

from softprompt_compiler.catalogue import cross as rules
from softprompt_compiler.check.places import conflict, stated
from softprompt_compiler.check.virtual_tokens import num_virtual_tokens
from softprompt_compiler.diagnostic import Diagnostic
from softprompt_compiler.resolved import ResolvedSpec
from softprompt_plan.vocabulary import EncoderType, InitMethod, PromptStyle

# PEFT's own comparison on MetaMathQA, Llama-3.2-3B, 200 virtual tokens: accuracy 5.7 % with noise
# and lr 1e-4, 23.4 % with lr 1e-3, 34.3 % with lr 1e-3 and tokens of the vocabulary.
_LOWEST_GOOD_LR = 3e-4
# Lester et al. 2021, figure 3b: beyond 20 tokens the gain is marginal; 100 are the longest tried.
_MOST_USEFUL_TOKENS = 100

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


def check_low_lr(resolved: ResolvedSpec) -> Iterator[Diagnostic]:
    """SP0250: free tables need large steps."""
    spec = resolved.spec
    if spec.prompt_learning.virtual_prompt_style is not PromptStyle.PROMPT_TUNING:
        return
    lr = spec.training.optim.lr
    if lr < _LOWEST_GOOD_LR:
        yield rules.LOW_LR.at(
            resolved.place("training", "optim", "lr"),
            lr=lr,
            help="try 1e-3 to 3e-1; the best is found by trying",
        )


def check_random_init(resolved: ResolvedSpec) -> Iterator[Diagnostic]:
    """SP0251: real tokens are a better start than noise."""
    if resolved.spec.prompt_learning.init.method is InitMethod.RANDOM:
        yield rules.RANDOM_INIT.at(
            resolved.place("prompt_learning", "init", "method"),
            help="take `vocabulary`, or `text` with an instruction for the task",
        )


def check_many_virtual_tokens(resolved: ResolvedSpec, task: str) -> Iterator[Diagnostic]:
    """SP0252: long prompts cost every row and gain little."""
    total = num_virtual_tokens(resolved, task)
    if total > _MOST_USEFUL_TOKENS:
        section = resolved.spec.tasks[task]
        key = "virtual_token_splits" if section.virtual_token_splits else "total_virtual_tokens"
        yield rules.MANY_VIRTUAL_TOKENS.at(
            resolved.place("tasks", task, key),
            total=total,
            help="10 to 20 are a good start",
        )
