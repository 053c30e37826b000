"""`tasks.NAME`: a prompt template, its virtual tokens, its data and how it is scored."""

from pydantic import Field

from softprompt_compiler.spec.section import (
    Count,
    Items,
    Paths,
    Section,
    Seed,
    SomeItems,
    Text,
    Word,
)
from softprompt_plan.vocabulary import Metric, TooLongPolicy, TruncateSide, Whitespace

HEAVIEST = 1000.0


class MaxRowsSection(Section):
    """The most rows that are taken of each split of a task."""

    train: Count | None = Field(default=None, description="The most training rows.", examples=[500])
    validation: Count | None = Field(
        default=None, description="The most validation rows.", examples=[100]
    )
    test: Count | None = Field(default=None, description="The most test rows.", examples=[100])


class DataSection(Section):
    """The rows of a task: `.jsonl`, `.json`, `.csv` (UTF-8) or `.parquet` files, or data sets."""

    train: Paths = Field(
        description="Training rows: a path, a glob or a list of them, relative to the spec. Paths "
        "may hold `${NAME}` or `${NAME:-default}`. `hf:NAME[split]` is a data set of the Hugging "
        "Face hub, `hf:./FOLDER[split]` a folder laid out as one.",
        examples=[
            "data/squad_train.jsonl",
            ["data/part-*.jsonl", "data/more.parquet"],
            "hf:rajpurkar/squad[train[:1000]]",
        ],
    )
    validation: Paths | None = Field(
        default=None,
        description="Rows that `val_loss` is measured on while training.",
        examples=["data/squad_val.jsonl"],
    )
    test: Paths | None = Field(
        default=None,
        description="Rows that completions are generated for and scored on after training.",
        examples=["data/squad_test.jsonl"],
    )
    fields: dict[Text, Text] = Field(
        default_factory=dict,
        description="Columns whose name is not the template field's: template field to column. "
        "Dots and `[0]` step into nested JSON and nested columns.",
        examples=[{"question": "query", "answer": "answers.text[0]"}],
    )
    max_rows: MaxRowsSection = Field(
        default_factory=MaxRowsSection,
        description="The most rows that are taken of each split: the first ones, or those that "
        "`shuffle_seed` draws.",
    )
    shuffle_seed: Seed | None = Field(
        default=None,
        description="Draws the rows that `max_rows` takes, instead of the first ones. The same "
        "seed draws the same rows. They stay in the order of the files.",
        examples=[1],
    )
    too_long: Word[TooLongPolicy] = Field(
        default=TooLongPolicy.ERROR,
        description="What happens to a row that cannot be made to fit `model.max_seq_length`: "
        "`error` refuses the data, `skip` leaves the row out of training and validation and "
        "counts it. Predictions always have one line a row.",
    )


class TaskSection(Section):
    """One task. Its name is the key: letters, digits, `_`, `.` and `-`."""

    prompt_template: Text = Field(
        description="Text with `{field}` for a column of the data and `<|VIRTUAL_PROMPT_0|>`, "
        "`<|VIRTUAL_PROMPT_1|>`, ... where virtual tokens go. `{{` and `}}` are plain braces.",
        examples=["<|VIRTUAL_PROMPT_0|> Question: {question}\n\nAnswer:{answer}"],
    )
    whitespace: Word[Whitespace] = Field(
        default=Whitespace.KEPT,
        description="What becomes of white space beside virtual tokens. `kept` feeds the template "
        "as it is written. `nemo-2023` drops it on both sides, as NeMo's containers of 2023 did: "
        "for prompts that were tuned there.",
    )
    total_virtual_tokens: Count | None = Field(
        default=None,
        description="Number of virtual tokens of the task; the sum of `virtual_token_splits` where "
        "that is given, else 10.",
        examples=[10],
    )
    virtual_token_splits: SomeItems[Count] | None = Field(
        default=None,
        description="Number of virtual tokens at marker 0, 1, ... Left out, the total is spread "
        "evenly over the markers, the first ones taking what is left over.",
        examples=[[10], [7, 3]],
    )
    truncate_field: Text | SomeItems[Text] | None = Field(
        default=None,
        description="The field, or fields in order of sacrifice, that lose tokens of a row that is "
        "longer than `model.max_seq_length`. Everything else of the row is kept.",
        examples=["context", ["context", "question"]],
    )
    truncate_side: Word[TruncateSide] = Field(
        default=TruncateSide.RIGHT,
        description="The end of the field that loses tokens; `middle` keeps both ends.",
    )
    answer_field: Text | None = Field(
        default=None,
        description="The field that the model learns to write. It stands at the template's end and "
        "is left out of the prompt when completions are generated.",
        examples=["answer"],
    )
    answer_only_loss: bool | None = Field(
        default=None,
        description="Whether the loss counts the answer and EOS only, instead of every token that "
        "is not virtual. Left out: true for a task with an `answer_field`.",
        examples=[True],
    )
    data: DataSection = Field(description="The rows of the task.")
    weight: float = Field(
        default=1.0,
        gt=0,
        le=HEAVIEST,
        description="How often an epoch visits each training row of the task, beside the other "
        "tasks: 2 visits each row twice, 0.5 every second row, others in the next epochs.",
        examples=[0.5],
    )
    metrics: Items[Word[Metric]] = Field(
        default=(),
        description="Scores of the completions on the test rows. `exact_match` and `f1` are "
        "SQuAD's; `slot_f1` reads `slot(value), ...` after `Slots:`.",
        examples=[["exact_match", "f1"]],
    )
