"""NeMo's prompt-learning data set, written anew: what its rows are, faults included.

A judge for cases that were never run through NeMo. It follows the description of versions 1.16 to
1.23 and shares no code with our encoder; the golden cases, which were, hold it to NeMo itself.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from softprompt_plan.tokenization import Tokenizer

_FIELD = re.compile(r"\{(.*?)\}")
_PSEUDO = re.compile(r"<prompt_(\d+)>")


@dataclass(frozen=True, kw_only=True)
class NemoRow:
    """A row that NeMo keeps. `truncated` is the text that it wrote back into its truncate field."""

    input_ids: list[int]  # virtual tokens as -1, -2, ...
    answer_start: int | None
    loss_mask: list[int]
    truncated: str | None


@dataclass(frozen=True, kw_only=True)
class NemoDataSet:
    """NeMo's data set. strips: whether white space beside virtual tokens goes, as in 2023."""

    tokenizer: Tokenizer
    templates: Mapping[str, Mapping[str, Any]]
    settings: Mapping[str, Any]
    strips: bool

    def row(self, record: Mapping[str, Any]) -> NemoRow | None:
        """The row of a record, None if it is dropped. Raises what NeMo raises."""
        template = self.templates[record["taskname"]]
        self._check(template, record)
        most, least = self.settings["max_seq_length"], self.settings["min_seq_length"]
        ids = self._tokenize(self._fill(template, record))
        bos, eos = self.tokenizer.bos_id, self.tokenizer.eos_id
        assert bos is not None
        assert eos is not None
        ids = [*[bos] * self.settings["add_bos"], *ids, *[eos] * self.settings["add_eos"]]
        truncated, field = None, template["truncate_field"]
        if len(ids) > most and field is not None and field in record:
            truncated = self._shorten(record[field], len(ids) - most + 1)
            record = {**record, field: truncated}
            ids = self._tokenize(self._fill(template, record))  # and no BOS or EOS any more
        if not least <= len(ids) <= most:
            return None
        start = self._answer_start(template, record, len(ids))
        mask = [int(at >= start if start is not None else i >= 0) for at, i in enumerate(ids)]
        return NemoRow(input_ids=ids, answer_start=start, loss_mask=mask, truncated=truncated)

    def _check(self, template: Mapping[str, Any], record: Mapping[str, Any]) -> None:
        """The assertions, in NeMo's order."""
        text, splits = template["prompt_template"], template["virtual_token_splits"]
        assert self.settings["max_seq_length"] > 0
        assert self.settings["min_seq_length"] <= self.settings["max_seq_length"]
        assert template["total_virtual_tokens"] < self.settings["max_seq_length"]
        assert sum(splits) == template["total_virtual_tokens"]
        assert text.count("<|VIRTUAL_PROMPT_") == len(splits)
        assert set(record) - {"taskname"} <= set(_FIELD.findall(text))
        if template["answer_only_loss"] and self.settings["for_train"]:
            answer = template["answer_field"]
            assert answer is not None
            assert answer in record
            assert template["truncate_field"] != answer
            assert text.endswith(f"{{{answer}}}")

    def _fill(self, template: Mapping[str, Any], record: Mapping[str, Any]) -> str:
        text = template["prompt_template"]
        for field in _FIELD.findall(text):
            text = text.replace(f"{{{field}}}", record.get(field, ""))
        text, first = text.strip(" "), 0
        for number, size in enumerate(template["virtual_token_splits"]):
            run = "".join(f"<prompt_{k}>" for k in range(first, first + size))
            text = text.replace(f"<|VIRTUAL_PROMPT_{number}|>", run)
            first += size
        return text

    def _tokenize(self, text: str) -> list[int]:
        """Stretches between pseudo tokens, each tokenized alone."""
        most = max(template["total_virtual_tokens"] for template in self.templates.values())
        found = [match for match in _PSEUDO.finditer(text) if int(match[1]) < most]
        ids: list[int] = []
        at = 0
        for match in found:
            ids += self._stretch(text[at : match.start()], left=at > 0, right=True)
            ids.append(-1 - int(match[1]))
            at = match.end()
        return ids + self._stretch(text[at:], left=at > 0, right=False)

    def _stretch(self, text: str, *, left: bool, right: bool) -> list[int]:
        if self.strips:
            text = text.lstrip() if left else text
            text = text.rstrip() if right else text
        return self._ids(text)

    def _ids(self, text: str) -> list[int]:
        return list(self.tokenizer.encode_batch([text])[0].ids) if text else []

    def _shorten(self, text: str, surplus: int) -> str:
        ids = self._ids(text)
        kept = ids[: len(ids) - min(surplus, len(ids))]
        special = {self.tokenizer.bos_id, self.tokenizer.eos_id}
        return self.tokenizer.decode([token for token in kept if token not in special])

    def _answer_start(
        self, template: Mapping[str, Any], record: Mapping[str, Any], length: int
    ) -> int | None:
        """Counted from the end, by the answer alone."""
        if not (template["answer_only_loss"] and self.settings["for_train"]):
            return None
        text, answer = template["prompt_template"], template["answer_field"]
        spaced = text[: text.index(f"{{{answer}}}")].endswith(" ")
        alone = self._ids(" " * spaced + record[answer])
        return length - len(alone) - int(self.settings["add_eos"])
