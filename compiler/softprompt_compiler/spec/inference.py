"""`inference`: how completions are generated."""

from typing import Annotated

from pydantic import Field

from softprompt_compiler.spec.section import Count, CountOrZero, Section, Seed


class InferenceSection(Section):
    """How completions are generated."""

    greedy: bool = Field(
        default=True, description="Whether the likeliest token is taken each time, or one is drawn."
    )
    add_bos: bool = Field(
        default=False,
        description="Whether every row starts with the tokenizer's BOS token, in training too.",
    )
    tokens_to_generate: Count = Field(
        default=32, description="Longest completion in tokens; EOS ends it earlier."
    )
    top_k: CountOrZero = Field(
        default=0, description="Draw among the `top_k` likeliest tokens only; 0: among all."
    )
    top_p: Annotated[float, Field(gt=0, le=1)] = Field(
        default=1.0,
        description="Draw among the likeliest tokens whose probabilities add up to `top_p` only; "
        "1.0: among all.",
    )
    temperature: Annotated[float, Field(gt=0, le=1000)] = Field(
        default=1.0,
        description="Divides the logits before a token is drawn: less is less random.",
    )
    repetition_penalty: Annotated[float, Field(ge=1, le=1000)] = Field(
        default=1.0,
        description="Makes tokens that are already there less likely (Keskar et al. 2019); 1.0: "
        "off.",
    )
    batch_size: Count = Field(
        default=16, description="Rows generated at the same time; no result depends on it."
    )
    seed: Seed = Field(default=1234, description="Seed of drawn tokens.")
