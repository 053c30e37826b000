"""The pieces of a row tell its text and its tokens exactly."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import event, given

from softprompt_plan.example import Example, RowEncoder
from softprompt_plan.row_case import RowCase
from softprompt_plan.row_trace import Piece, PieceKind, trace_row
from softprompt_plan.template import Field, Text, parse_template
from softprompt_plan.tokenization import TracingTokenizer
from softprompt_plan.vocabulary import TruncateSide, Whitespace
from tests.strategies import ANSWER, cut_row_cases, row_cases, tracing_tokenizer
from tests.task_plans import task_plan
from tests.tokenizers_for_tests import byte_level, llama_like, sentence_piece

MARKED = "<|VIRTUAL_PROMPT_0|>{context}"


def filled(template: str, record: Mapping[str, str], *, prompt: bool = False) -> str:
    """The template's text without markers, its fields filled in; up to the answer of a prompt."""
    text = ""
    for segment in parse_template(template).segments:
        if isinstance(segment, Field):
            if prompt and segment.name == ANSWER:
                break
            text += record[segment.name]
        elif isinstance(segment, Text):
            text += segment.text
    return text


def traced(case: RowCase, *, prompt: bool = False) -> tuple[Example, tuple[Piece, ...]] | None:
    encoder = RowEncoder(case.task, case.tokenizer, case.limit, case.add_bos)
    (example,) = encoder.encode_batch([case.record], for_inference=prompt)
    if not isinstance(example, Example):
        return None
    frame = encoder.frame(for_inference=prompt)
    return example, trace_row(frame, case.record, example, tracing_tokenizer(case))


def check(case: RowCase, *, prompt: bool) -> None:
    result = traced(case, prompt=prompt)
    if result is None:
        event("unfit")
        return
    example, pieces = result
    event("cut" if example.cut else "whole")
    assert tuple(id for piece in pieces for id in piece.ids) == example.input_ids
    mask = tuple(piece.in_loss for piece in pieces for _ in piece.ids)
    assert mask == example.loss_mask
    text = "".join(piece.text for piece in pieces)
    assert text == filled(case.task.prompt_template, case.record, prompt=prompt)
    kept = "".join(piece.text for piece in pieces if piece.kind is not PieceKind.CUT)
    assert kept == filled(case.task.prompt_template, case.kept(example), prompt=prompt)
    lost = {piece.field: piece.text for piece in pieces if piece.kind is PieceKind.CUT}
    assert lost == {
        field: case.record[field][start:end]
        for (field, _), (start, end) in zip(example.cut, example.cut_spans, strict=True)
    }


@given(row_cases())
def test_a_row_s_pieces_hold_its_ids_its_mask_and_its_whole_text(case: RowCase):
    check(case, prompt=False)


@given(row_cases(with_answer=True))
def test_a_prompt_s_pieces_hold_its_ids_and_its_whole_text(case: RowCase):
    check(case, prompt=True)


@given(cut_row_cases())
def test_cut_text_stands_where_it_was(case: RowCase):
    check(case, prompt=False)
    check(case, prompt=True)


@given(row_cases())
def test_the_text_of_a_byte_level_token_is_what_it_decodes_to(case: RowCase):
    result = traced(replace(case, tokenizer=byte_level(), limit=1_000_000))
    assert result is not None
    for piece in result[1]:
        if piece.kind is PieceKind.TEXT:
            assert byte_level().decode(piece.ids) == piece.text


def pieces_of(
    template: str,
    record: dict[str, str],
    tokenizer: TracingTokenizer,
    limit: int = 1000,
    **changes: Any,
) -> list[Piece]:
    task = task_plan(template, **changes)
    encoder = RowEncoder(task, tokenizer, limit, add_bos=False)
    (example,) = encoder.encode_batch([record])
    assert isinstance(example, Example)
    return list(trace_row(encoder.frame(), record, example, tokenizer))


def texts_of(pieces: list[Piece], kind: PieceKind = PieceKind.TEXT) -> list[str]:
    return [piece.text for piece in pieces if piece.kind is kind]


@pytest.mark.parametrize("tokenizer", [byte_level(), sentence_piece(), llama_like()])
def test_tokens_that_share_a_character_are_one_piece(tokenizer: TracingTokenizer):
    pieces = pieces_of(MARKED, {"context": "x\U0001f680"}, tokenizer)

    rocket = next(piece for piece in pieces if "\U0001f680" in piece.text)
    assert rocket.text.strip() == "\U0001f680"
    assert len(rocket.ids) > 1


def test_a_space_belongs_to_the_token_that_it_begins():
    pieces = pieces_of(MARKED, {"context": "the other the"}, byte_level())

    assert texts_of(pieces) == ["the", " other", " the"]


def test_answer_tokens_and_eos_are_in_the_loss():
    record = {"context": "the cat", "answer": " yes"}
    pieces = pieces_of(MARKED + " answer:{answer}", record, byte_level())

    counted = [(piece.kind, piece.text) for piece in pieces if piece.in_loss]
    assert counted == [(PieceKind.TEXT, " yes"), (PieceKind.EOS, "")]


@pytest.mark.parametrize(
    ("side", "around"),
    [
        (TruncateSide.RIGHT, ("cat: the other cat sat on", " the mat", "")),
        (TruncateSide.LEFT, ("cat:", " the other c", "at sat on the mat")),
        (TruncateSide.MIDDLE, ("cat: the other cat", " sat on", " the mat")),
    ],
)
def test_cut_text_stands_between_what_was_kept(side: TruncateSide, around: tuple[str, str, str]):
    record = {"context": " the other cat sat on the mat"}
    template = "<|VIRTUAL_PROMPT_0|>cat:{context}"
    whole = pieces_of(template, record, byte_level())
    limit = sum(len(piece.ids) for piece in whole) - 3

    pieces = pieces_of(template, record, byte_level(), limit, truncate_side=side)

    at = [piece.kind for piece in pieces].index(PieceKind.CUT)
    parts = pieces[:at], pieces[at : at + 1], pieces[at + 1 :]
    assert tuple("".join(piece.text for piece in some) for some in parts) == around


def test_spaces_that_are_dropped_at_the_ends_are_unread():
    template = "  the {context}<|VIRTUAL_PROMPT_0|> cat  "
    pieces = pieces_of(template, {"context": "mat"}, byte_level())

    assert texts_of(pieces, PieceKind.UNREAD) == ["  ", "  "]
    assert pieces[0].text == pieces[-2].text == "  "


def test_a_row_of_nemo_s_white_space_shows_what_was_stripped():
    template = "<|VIRTUAL_PROMPT_0|> the {context}\n"
    record = {"context": "mat"}
    pieces = pieces_of(template, record, byte_level(), whitespace=Whitespace.NEMO_2023)

    assert texts_of(pieces, PieceKind.UNREAD) == [" "]
    assert "".join(texts_of(pieces)) == "the mat\n"


def test_an_answer_that_continues_its_prompt_is_traced_too():
    """Where a token would lie across the border, prompt and answer are tokenized apart."""
    record = {"context": "the", "answer": "re"}
    pieces = pieces_of(MARKED + "{answer}", record, llama_like())

    assert [(piece.text, piece.in_loss) for piece in pieces if piece.text] == [
        ("the", False),
        ("r", True),
        ("e", True),
    ]
