"""`prompt_learning`: what is trained."""

from typing import Annotated

from pydantic import Field

from softprompt_compiler.spec.section import Count, Section, SomeItems, Text, Word
from softprompt_plan.vocabulary import EncoderType, InitMethod, PromptStyle


class EncoderSection(Section):
    """The prompt encoder of p-tuning. All tasks of a run share it."""

    type: Word[EncoderType] = Field(
        default=EncoderType.MLP,
        description="`mlp`: linear layers with ReLU. `lstm`: a bidirectional LSTM and two linear "
        "layers (Liu et al. 2021). `tpmlp`: two linear layers with GELU that can be split over "
        "tensor-parallel ranks. `embedding`: a free table.",
    )
    hidden_size: Count = Field(
        default=2048,
        description="Width of the hidden layers; of one direction in an LSTM. Used by `mlp`, "
        "`lstm` and `tpmlp`.",
    )
    num_layers: Count = Field(
        default=2,
        description="Linear layers of `mlp` (at least 2) or LSTM layers of `lstm`.",
    )
    dropout: Annotated[float, Field(ge=0, lt=1)] = Field(
        default=0.0,
        description="Dropout between the LSTM layers of `lstm`, a probability.",
    )
    init_std: Annotated[float, Field(gt=0, le=10)] = Field(
        default=0.023,
        description="Standard deviation of the first weights of `tpmlp`.",
    )


class InitSection(Section):
    """Where the virtual tokens start from."""

    method: Word[InitMethod] = Field(
        default=InitMethod.VOCABULARY,
        description="`vocabulary`: embeddings of tokens drawn from the model's vocabulary. `text`: "
        "embeddings of the tokens of `text`. `class_labels`: embeddings of `labels`. `random`: "
        "noise at the scale of the model's embeddings. `prompt`: a trained soft prompt at `path`.",
    )
    text: Text | None = Field(
        default=None,
        description="For method `text`: repeated to fill the virtual tokens.",
        examples=["Answer the question with words of the context."],
    )
    labels: SomeItems[Text] | None = Field(
        default=None,
        description="For method `class_labels`: the words that name the classes.",
        examples=[["positive", "negative"]],
    )
    path: Text | None = Field(
        default=None,
        description="For method `prompt`: the `soft_prompt` folder of an earlier run.",
        examples=["runs/squad/soft_prompt"],
    )


class PromptLearningSection(Section):
    """What is trained: the virtual tokens, directly or through a prompt encoder."""

    virtual_prompt_style: Word[PromptStyle] = Field(
        default=PromptStyle.P_TUNING,
        description="`p-tuning` trains a prompt encoder that puts out the virtual tokens (Liu et "
        "al. 2021). `prompt-tuning` trains the virtual tokens themselves (Lester et al. 2021).",
    )
    encoder: EncoderSection = Field(
        default_factory=EncoderSection,
        description="The prompt encoder; only with `p-tuning`.",
    )
    init: InitSection = Field(
        default_factory=InitSection,
        description="Where the virtual tokens start from.",
    )
    restore_path: Text | None = Field(
        default=None,
        description="The `soft_prompt` folder of an earlier run: its tasks are kept bit for bit, "
        "and the tasks that are new in this spec are trained.",
        examples=["runs/first/soft_prompt"],
    )
