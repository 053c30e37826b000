"""Settings that are known to train badly. Each rule names who found it out."""

from collections.abc import Iterator

from softprompt_compiler.catalogue import cross as rules
from softprompt_compiler.check.places import conflict, stated
from softprompt_compiler.check.virtual_tokens import num_virtual_tokens
from softprompt_compiler.diagnostic import Diagnostic
from softprompt_compiler.resolved import ResolvedSpec
from softprompt_plan.vocabulary import (
    EncoderType,
    InitMethod,
    ModelDtype,
    Precision,
    PromptStyle,
)

_PEFT = "PEFT's method_comparison/MetaMathQA, Llama-3.2-3B, 200 virtual tokens"
_LOW_LR_SOURCE = f"{_PEFT}: accuracy 5.7 % at lr 1e-4, 23.4 % at 1e-3, all else equal"
_RANDOM_SOURCE = f"{_PEFT}: accuracy 23.4 % from noise, 34.3 % from tokens of the vocabulary"
_LENGTH_SOURCE = (
    "Lester et al. 2021, fig. 3a: beyond 20 tokens the gain is marginal; 100 is the most"
)
_SINGLE_SOURCE = (
    "Lester et al. 2021, section 3.2: for most model sizes, more than a single token is critical"
)
_DECAY_SOURCE = "AdamW takes `lr` times `weight_decay` of each weight, Loshchilov & Hutter 2019"
_STEP_SOURCE = "Adam moves each weight by about `lr` a step, Kingma & Ba 2015, section 2.1"
_HALF_SOURCE = "Micikevicius et al. 2018, Mixed Precision Training, section 3.2"
_LOWEST_GOOD_LR = 3e-4  # of a free table
_MOST_USEFUL_TOKENS = 100
_HIGHEST_ENCODER_LR = 1e-2  # half of what the weights of a wide layer start from, 1 / sqrt(2048)
_STRONGEST_DECAY = 1e-3  # a step: 63 % in 1000 steps
_STEPS = 1000


def check_low_lr(resolved: ResolvedSpec) -> Iterator[Diagnostic]:
    """SP0250: free tables need large steps."""
    spec = resolved.spec
    if spec.prompt_learning.virtual_prompt_style is not PromptStyle.PROMPT_TUNING:
        return
    lr = spec.training.optim.lr
    if lr < _LOWEST_GOOD_LR:
        yield conflict(
            rules.LOW_LR,
            stated(resolved, lr, "training", "optim", "lr"),
            stated(resolved, "`prompt-tuning`", "prompt_learning", "virtual_prompt_style"),
            lr=lr,
            notes=_LOW_LR_SOURCE,
            help="try 1e-3 to 3e-1; the best is found by trying",
        )


def check_random_init(resolved: ResolvedSpec) -> Iterator[Diagnostic]:
    """SP0251: real tokens are a better start than noise."""
    if resolved.spec.prompt_learning.init.method is InitMethod.RANDOM:
        yield rules.RANDOM_INIT.at(
            resolved.place("prompt_learning", "init", "method"),
            notes=_RANDOM_SOURCE,
            help="take `vocabulary`, or `text` with an instruction for the task",
        )


def check_many_virtual_tokens(resolved: ResolvedSpec, task: str) -> Iterator[Diagnostic]:
    """SP0252: long prompts cost every row and gain little."""
    total = num_virtual_tokens(resolved, task)
    if total > _MOST_USEFUL_TOKENS:
        yield rules.MANY_VIRTUAL_TOKENS.at(
            resolved.place("tasks", task, _token_key(resolved, task)),
            total=total,
            notes=_LENGTH_SOURCE,
            help="10 to 20 are a good start",
        )


def check_one_virtual_token(resolved: ResolvedSpec, task: str) -> Iterator[Diagnostic]:
    """SP0255: a single virtual token says little."""
    markers = len(resolved.template(task).markers)  # SP0203 speaks of too few for them
    if num_virtual_tokens(resolved, task) == 1 and markers <= 1:
        yield rules.ONE_VIRTUAL_TOKEN.at(
            resolved.place("tasks", task, _token_key(resolved, task)),
            notes=_SINGLE_SOURCE,
            help="10 to 20 are a good start",
        )


def check_decay(resolved: ResolvedSpec) -> Iterator[Diagnostic]:
    """SP0253: weight decay does not undo what a free table learns."""
    optim = resolved.spec.training.optim
    shrink = optim.lr * optim.weight_decay
    if not _is_free_table(resolved) or shrink < _STRONGEST_DECAY:
        return
    yield conflict(
        rules.STRONG_DECAY,
        stated(resolved, f"{optim.weight_decay:g}", "training", "optim", "weight_decay"),
        stated(resolved, f"{optim.lr:g}", "training", "optim", "lr"),
        percent=f"{100 * (1 - max(0.0, 1 - shrink) ** _STEPS):.0f}",
        steps=_STEPS,
        notes=_DECAY_SOURCE,
        help="write `weight_decay: 0.0`: a table that is all that is trained overfits little",
    )


def check_high_lr(resolved: ResolvedSpec) -> Iterator[Diagnostic]:
    """SP0254: a step of an encoder is smaller than its weights."""
    lr = resolved.spec.training.optim.lr
    if _is_free_table(resolved) or lr < _HIGHEST_ENCODER_LR:
        return
    yield rules.HIGH_LR.at(
        resolved.place("training", "optim", "lr"),
        lr=f"{lr:g}",
        notes=[_STEP_SOURCE, "NeMo and PEFT train their encoders at 1e-4"],
        help="try 1e-4 to 1e-3",
    )


def check_half_precision(resolved: ResolvedSpec) -> Iterator[Diagnostic]:
    """SP0256: gradients in float16 are scaled, or lost."""
    precision, dtype = resolved.spec.training.precision, resolved.spec.model.dtype
    if dtype is not ModelDtype.FLOAT16 or precision is Precision.FP16_MIXED:
        return
    yield conflict(
        rules.UNSCALED_HALF,
        stated(resolved, f"`{dtype}`", "model", "dtype"),
        stated(resolved, f"`{precision}`", "training", "precision"),
        notes=f"gradients below 6e-8 become zero in float16 unless scaled: {_HALF_SOURCE}",
        help="write `precision: 16-mixed`, which scales the loss, or `dtype: bfloat16`",
    )


def _is_free_table(resolved: ResolvedSpec) -> bool:
    learning = resolved.spec.prompt_learning
    if learning.virtual_prompt_style is PromptStyle.PROMPT_TUNING:
        return True
    return learning.encoder.type is EncoderType.EMBEDDING


def _token_key(resolved: ResolvedSpec, task: str) -> str:
    section = resolved.spec.tasks[task]
    return "virtual_token_splits" if section.virtual_token_splits else "total_virtual_tokens"
