"""What each word of the spec language means, for editors, `spec explain` and the reference.

The words themselves are in `softprompt_plan.vocabulary`.
"""

from collections.abc import Mapping
from enum import StrEnum

from softprompt_plan.vocabulary import (
    Accelerator,
    ActivationsCheckpoint,
    EncoderType,
    InitMethod,
    LaunchTarget,
    LoggerName,
    Metric,
    ModelDtype,
    OptimizerName,
    Precision,
    PromptStyle,
    ResumePolicy,
    ScheduleName,
    TooLongPolicy,
    TruncateSide,
    Whitespace,
)

_MEANINGS: Mapping[type[StrEnum], Mapping[str, str]] = {
    ModelDtype: {
        "float32": "4 bytes a weight; what CPUs compute fastest in.",
        "bfloat16": "2 bytes a weight, with the range of float32.",
        "float16": "2 bytes a weight, finer and of a smaller range than bfloat16.",
    },
    TruncateSide: {
        "right": "The end of the text goes.",
        "left": "The beginning of the text goes.",
        "middle": "Both ends stay.",
    },
    Whitespace: {
        "kept": "The template is fed as it is written.",
        "nemo-2023": "White space beside virtual tokens goes, as NeMo's containers of 2023 had it.",
    },
    TooLongPolicy: {
        "error": "The data is refused.",
        "skip": "The row is left out of training and validation, and counted.",
    },
    Metric: {
        "exact_match": "Share of completions that equal a reference, as SQuAD v1.1 compares them.",
        "f1": "Overlap of words with the reference, as SQuAD v1.1 counts it.",
        "accuracy": "Share of completions that are the right label.",
        "macro_f1": "F1 of each label, averaged over the labels.",
        "slot_f1": "F1 of the slots that a completion fills.",
        "rouge_l": "Longest common subsequence of words with the reference (Lin 2004).",
    },
    PromptStyle: {
        "prompt-tuning": "The virtual tokens themselves are trained (Lester et al. 2021).",
        "p-tuning": "A prompt encoder that puts them out is trained (Liu et al. 2021).",
    },
    EncoderType: {
        "tpmlp": "Two linear layers with GELU, which tensor-parallel ranks can share.",
        "mlp": "Linear layers with ReLU.",
        "lstm": "A bidirectional LSTM and two linear layers (Liu et al. 2021).",
        "embedding": "A free table.",
    },
    InitMethod: {
        "text": "Embeddings of the tokens of `text`.",
        "vocabulary": "Embeddings of tokens drawn from the model's vocabulary.",
        "class_labels": "Embeddings of `labels`.",
        "random": "Noise at the scale of the model's embeddings.",
        "prompt": "A trained soft prompt at `path`.",
    },
    Precision: {
        "32-true": "All in float32.",
        "bf16-mixed": "Weights in float32, products in bfloat16.",
        "16-mixed": "Weights in float32, products in float16 with a scaled loss; needs a GPU.",
        "bf16-true": "All in bfloat16; half the memory of `32-true`.",
    },
    ResumePolicy: {
        "auto": "Go on from the checkpoints, if there are any.",
        "never": "Start anew.",
        "must": "Refuse to start without checkpoints.",
    },
    OptimizerName: {"adamw": "AdamW (Loshchilov and Hutter 2019)."},
    ScheduleName: {
        "cosine_annealing": "A linear warm-up, then a cosine down to `min_lr` at the last step.",
        "constant": "A linear warm-up, then `lr`.",
    },
    LoggerName: {
        "csv": "A CSV file in the run's folder.",
        "tensorboard": "TensorBoard files in the run's folder.",
        "wandb": "Weights & Biases.",
        "mlflow": "MLflow.",
    },
    Accelerator: {
        "auto": "A GPU if there is one, else the CPU.",
        "cpu": "The CPU.",
        "gpu": "GPUs.",
    },
    ActivationsCheckpoint: {
        "none": "All activations are kept.",
        "selective": "Those of attention, and what else is cheap, are computed again.",
        "full": "Whole layers are computed again: least memory, most time.",
    },
    LaunchTarget: {
        "local": "This machine: plain Python, or torchrun where there are several devices.",
        "torchrun": "torchrun, on one machine or several.",
        "slurm": "A SLURM job.",
        "kubernetes": "A Kubernetes job.",
        "skypilot": "A SkyPilot task.",
    },
}
_BY_WORDS = {tuple(word.value for word in kind): texts for kind, texts in _MEANINGS.items()}


def meaning(word: StrEnum) -> str:
    """One sentence about a word; "" for one that says it all itself."""
    return _MEANINGS.get(type(word), {}).get(word.value, "")


def meanings_of(words: tuple[str, ...]) -> list[str] | None:
    """The sentences about all words of one enumeration, in order; None for other words."""
    texts = _BY_WORDS.get(words)
    return None if texts is None else [texts.get(word, "") for word in words]
