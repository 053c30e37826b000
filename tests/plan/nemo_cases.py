"""NeMo's golden cases: read, and encoded by our code as NeMo's settings ask."""

import copy
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from softprompt_plan.example import Example, RowEncoder, Tokenizer, Unfit
from softprompt_plan.plan import TaskPlan
from softprompt_plan.template import parse_template
from softprompt_plan.vocabulary import Whitespace
from tests.task_plans import task_plan
from tests.tokenizers_for_tests import (
    NEMO,
    byte_level,
    byte_level_that_reads_special_tokens,
    sentence_piece,
)


@dataclass(frozen=True, kw_only=True)
class NemoCase:
    """One case. `expected` is the result in one regime: hf434, hf2023 or spm."""

    name: str
    regime: str
    category: str
    note: str
    defects: frozenset[str]
    templates: dict[str, dict[str, Any]]
    records: list[Any]
    files: list[str]
    settings: dict[str, Any]
    expected: dict[str, Any]

    @property
    def whitespace(self) -> Whitespace:
        """What this regime does to white space beside virtual tokens."""
        return Whitespace.NEMO_2023 if self.regime == "hf2023" else Whitespace.KEPT

    @property
    def tokenizer(self) -> Tokenizer:
        """The tokenizer of the case, that reads special tokens only where data has them.

        NeMo reads the text `<|endoftext|>` as EOS. We never do; but all else must be equal.
        """
        if self.regime == "spm":
            return sentence_piece()
        has_special = "<|endoftext|>" in json.dumps(self.records)
        return byte_level_that_reads_special_tokens() if has_special else byte_level()

    def task(self, record: dict[str, Any], **changes: Any) -> TaskPlan:
        """The task of a record. NeMo knows no loss on answers alone outside training."""
        template = self.templates[record["taskname"]]
        truncate_field = template.get("truncate_field")
        return task_plan(
            template["prompt_template"],
            **{
                "name": template["taskname"],
                "whitespace": self.whitespace,
                "virtual_token_splits": tuple(template["virtual_token_splits"]),
                "truncate_fields": () if truncate_field is None else (truncate_field,),
                "answer_field": template.get("answer_field"),
                "answer_only_loss": self.settings["for_train"]
                and bool(template.get("answer_only_loss")),
            }
            | changes,
        )

    def encoder(self, task: TaskPlan) -> RowEncoder:
        """Fields that a record lacks are empty, as in NeMo, but never in training the answer."""
        optional = set(parse_template(task.prompt_template).fields)
        if task.answer_only_loss:
            optional.discard(task.answer_field or "")
        return RowEncoder(
            task,
            self.tokenizer,
            self.settings["max_seq_length"],
            self.settings["add_bos"],
            self.settings["add_eos"],
            optional_fields=optional,
        )

    def is_prompt(self, record: dict[str, Any]) -> bool:
        """Whether NeMo's row is a prompt of ours: it has no answer and ends without EOS."""
        answer = self.templates[record["taskname"]].get("answer_field")
        training = self.settings["for_train"] or self.settings["add_eos"]
        return not training and answer is not None and answer not in record

    def encode(self) -> list[Example | Unfit]:
        """Our result for each record, in order. Raises TemplateError and RecordError."""
        results: list[Example | Unfit] = []
        for record in self.records:
            before = copy.deepcopy(record)
            encoder = self.encoder(self.task(record))
            results += encoder.encode_batch([record], for_inference=self.is_prompt(record))
            assert record == before
        return results


def nemo_cases(regime: str) -> list[NemoCase]:
    """All cases of a regime."""
    file = "spm_public.json" if regime == "spm" else "public.json"
    content = json.loads((NEMO / file).read_text())
    return [_case(case, regime) for case in content["cases"]]


def _case(case: dict[str, Any], regime: str) -> NemoCase:
    expected, given = case["expected"], case["input"]
    return NemoCase(
        name=case["id"],
        regime=regime,
        category=case["category"],
        note=case.get("note", ""),
        defects=frozenset(case["nemo_defects"]),
        templates={template["taskname"]: template for template in given["task_templates"]},
        records=given.get("examples", []),
        files=given.get("files", []),
        settings=given["settings"],
        expected=expected["hf434"] if expected[regime] == "same" else expected[regime],
    )


def item(example: Example) -> dict[str, Any]:
    """An example in the form of the golden files."""
    return {
        "input_ids": list(example.input_ids),
        "answer_start_idx": example.answer_start,
        "loss_mask": [int(counts) for counts in example.loss_mask],
    }


def collate_for_training(
    examples: Sequence[Example], *, pad_id: int, tensor_parallel: int, to_eight: bool
) -> dict[str, list[list[int]]]:
    """NeMo's batch: padded on the right, inputs and labels one apart.

    tensor_parallel: ranks that share the sequence, 0 for none. to_eight: as from 1.20 on.
    """
    length = max(len(example.input_ids) for example in examples)
    if tensor_parallel > 1:
        length += -(length - 1) % tensor_parallel
    if to_eight:
        length = -(-length // 8) * 8 + 1
    ids = [[*e.input_ids, *[pad_id] * (length - len(e.input_ids))] for e in examples]
    masks = [[*map(int, e.loss_mask), *[0] * (length - len(e.input_ids))] for e in examples]
    return {
        "input_ids": [row[:-1] for row in ids],
        "labels": [row[1:] for row in ids],
        "loss_mask": [row[1:] for row in masks],
    }


def collate_for_inference(
    examples: Sequence[Example], *, pad_id: int, tokens_to_generate: int
) -> dict[str, Any]:
    """NeMo's batch of prompts, with room for what is generated."""
    lengths = [len(example.input_ids) for example in examples]
    width = max(lengths) + tokens_to_generate
    rows = [[*e.input_ids, *[pad_id] * (width - len(e.input_ids))] for e in examples]
    return {"input_ids": rows, "input_lengths": lengths}
