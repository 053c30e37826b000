"""A packed batch holds what NeMo's padded batch holds: the same inputs, labels and loss."""

from typing import Any

import pytest

from softprompt_plan.example import Example
from softprompt_runtime.packing import PackedBatch, pack
from softprompt_runtime.row_placement import place
from tests.plan.nemo_cases import NemoCase, nemo_cases

_VERSIONS = ("collate_1_17", "collate_1_20")
_CASES = [
    case
    for regime in ("hf434", "hf2023", "spm")
    for case in nemo_cases(regime)
    if not case.defects and "labels" in case.expected.get("collate_1_17", {})
]


def _packed_rows(examples: list[Example]) -> tuple[PackedBatch, list[list[int]]]:
    """The batch, and of each row where its tokens lie in it."""
    packed = pack(examples)
    placed = place(examples, share_prefixes=True, split_static=True)
    assert packed.layout == placed.layout
    return packed, [list(positions) for positions in placed.positions]


def _ids(packed: PackedBatch) -> list[int]:
    """The batch's ids, virtual tokens as -1, -2, ..."""
    ids = packed.input_ids_L.tolist()
    virtual = zip(packed.virtual_positions_K, packed.virtual_indices_K, strict=True)
    for position, index in virtual:
        ids[int(position)] = -1 - int(index)
    return ids


@pytest.mark.parametrize("version", _VERSIONS)
@pytest.mark.parametrize("case", _CASES, ids=lambda case: f"{case.regime}-{case.name}")
def test_a_packed_batch_holds_nemos_batch(case: NemoCase, version: str) -> None:
    expected: dict[str, Any] = case.expected[version]
    examples = [row for row in case.encode() if isinstance(row, Example)]
    packed, rows = _packed_rows(examples)
    ids, length = _ids(packed), len(expected["input_ids"][0])

    padded = [[ids[at] for at in row] + [expected["pad_id"]] * length for row in rows]
    assert [row[:length] for row in padded] == expected["input_ids"]
    assert [row[1 : length + 1] for row in padded] == expected["labels"]
    targets = (packed.target_positions_N.tolist(), packed.target_ids_N.tolist())
    predicted = sorted(zip(*targets, strict=True))
    counted = [
        (row[at], label)
        for row, labels, mask in zip(rows, expected["labels"], expected["loss_mask"], strict=True)
        for at, (label, counts) in enumerate(zip(labels, mask, strict=True))
        if counts
    ]
    assert predicted == sorted(counted)


def test_there_are_cases_of_every_regime() -> None:
    assert {case.regime for case in _CASES} == {"hf434", "hf2023", "spm"}
