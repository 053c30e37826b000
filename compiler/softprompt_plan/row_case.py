"""One row to try the laws of rows on (row_laws.py)."""

from collections.abc import Mapping
from dataclasses import dataclass

from softprompt_plan.example import Example, RowEncoder, Unfit
from softprompt_plan.plan import TaskPlan
from softprompt_plan.tokenization import Tokenizer

_NO_LIMIT = 1_000_000_000  # tokens


@dataclass(frozen=True, kw_only=True)
class RowCase:
    """A record, and what it is encoded with."""

    task: TaskPlan
    tokenizer: Tokenizer
    record: Mapping[str, str]
    add_bos: bool
    limit: int

    def encode(
        self,
        record: Mapping[str, str] | None = None,
        *,
        roomy: bool = False,
        prompt: bool = False,
    ) -> Example | Unfit:
        """The row of the case's record, or of another one. roomy: with no limit to speak of."""
        given = self.record if record is None else record
        (result,) = self._encoder(_NO_LIMIT if roomy else self.limit).encode_batch([given], prompt)
        return result

    def encode_batch(
        self, records: list[Mapping[str, str]], *, prompt: bool
    ) -> list[Example | Unfit]:
        """The rows of several records, encoded together."""
        return self._encoder(self.limit).encode_batch(records, prompt)

    def example(self, record: Mapping[str, str] | None = None, *, prompt: bool = False) -> Example:
        """The whole row, uncut."""
        result = self.encode(record, roomy=True, prompt=prompt)
        assert isinstance(result, Example), "a row without limit fits, and its EOS is in the loss"
        return result

    def cut_row(self) -> Example | None:
        """The row if it lost something and fits now."""
        result = self.encode()
        return result if isinstance(result, Example) and result.cut else None

    def kept(self, example: Example) -> dict[str, str]:
        """The record without what the example lost."""
        record = dict(self.record)
        for (field, _), (start, end) in zip(example.cut, example.cut_spans, strict=True):
            record[field] = record[field][:start] + record[field][end:]
        return record

    def emptied(self) -> dict[str, str]:
        """The record with all truncate fields empty."""
        return {**self.record, **dict.fromkeys(self.task.truncate_fields, "")}

    def _encoder(self, limit: int) -> RowEncoder:
        return RowEncoder(self.task, self.tokenizer, limit, self.add_bos)
