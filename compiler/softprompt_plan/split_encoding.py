"""How the rows of a split are encoded: those of the test data are prompts with room to go on."""

from collections.abc import Mapping

from softprompt_plan.example import RowEncoder
from softprompt_plan.plan import Plan, TaskPlan
from softprompt_plan.rows import Row
from softprompt_plan.tokenization import Tokenizer
from softprompt_plan.vocabulary import Split


def token_limit(plan: Plan, split: Split) -> int:
    """The most tokens of a row, or of a prompt, which leaves room for its completion."""
    room = plan.inference.tokens_to_generate if split is Split.TEST else 0
    return plan.model.max_seq_length - room


def row_encoder(plan: Plan, task: TaskPlan, split: Split, tokenizer: Tokenizer) -> RowEncoder:
    """The encoder of a task's rows in a split. Raises what RowEncoder raises."""
    return RowEncoder(task, tokenizer, token_limit(plan, split), plan.inference.add_bos)


def record_of(row: Row, task: TaskPlan, split: Split) -> Mapping[str, object]:
    """What the encoder may see of a row: a prompt never sees its answer."""
    if split is not Split.TEST:
        return row.record
    return {name: value for name, value in row.record.items() if name != task.answer_field}
