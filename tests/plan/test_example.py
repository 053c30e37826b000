"""Records -> examples."""

from typing import Any

import pytest

from softprompt_plan.example import (
    Example,
    RecordError,
    RecordErrorKind,
    RowEncoder,
    SpecialTokenError,
    TemplateError,
    Tokenizer,
    Unfit,
    UnfitReason,
)
from softprompt_plan.tokenization import FastTokenizer
from softprompt_plan.vocabulary import TruncateSide, Whitespace
from tests.task_plans import SQUAD, task_plan
from tests.tokenizers_for_tests import (
    END_OF_TEXT,
    byte_level,
    byte_level_spec,
    fast_tokenizer,
    llama_like,
    sentence_piece,
)

RECORD = {"context": "The cat sat on the mat.", "question": "Who sat?", "answer": " the cat"}


def _encode(
    template: str = SQUAD,
    record: dict[str, Any] | None = None,
    *,
    limit: int = 1000,
    tokenizer: Tokenizer | None = None,
    prompt: bool = False,
    **task: Any,
) -> Example | Unfit:
    encoder = RowEncoder(task_plan(template, **task), tokenizer or byte_level(), limit, False)
    (result,) = encoder.encode_batch([RECORD if record is None else record], for_inference=prompt)
    return result


def _example(*args: Any, **options: Any) -> Example:
    result = _encode(*args, **options)
    assert isinstance(result, Example)
    return result


def _text(example: Example, start: int = 0) -> str:
    """The text from token `start` on, virtual tokens left out, without EOS."""
    ids = [token for token in example.input_ids[start:] if token >= 0]
    return byte_level().decode(ids).removesuffix("<|endoftext|>")


def test_a_row_is_bos_text_virtual_tokens_answer_and_eos():
    encoder = RowEncoder(task_plan(), byte_level(), 1000, True)
    (example,) = encoder.encode_batch([RECORD])
    assert isinstance(example, Example)
    assert example.task == "squad"
    assert example.input_ids[:4] == (END_OF_TEXT, -1, -2, -3)
    assert example.input_ids[-1] == END_OF_TEXT
    assert example.answer_start is not None
    answer = example.input_ids[example.answer_start : -1]
    assert byte_level().decode(answer) == " the cat"
    assert example.loss_mask.index(True) == example.answer_start
    assert example.cut == ()


@pytest.mark.parametrize("tokenizer", [byte_level, llama_like, sentence_piece])
def test_letters_that_touch_the_answer_do_not_move_its_start(tokenizer: Any):
    """`ans` + `wer`: alone these are other tokens than together."""
    template, record = "<|VIRTUAL_PROMPT_0|> class_ans{answer}", {"answer": "wer"}
    row = _example(template, record, tokenizer=tokenizer())
    prompt = _example(template, record, tokenizer=tokenizer(), prompt=True)
    assert row.input_ids[: row.answer_start] == prompt.input_ids
    assert row.answer_start is not None
    assert tokenizer().decode(row.input_ids[row.answer_start : -1]) == "wer"


def test_a_token_over_the_border_is_split_and_the_answer_gets_no_dummy_prefix():
    template, record = "<|VIRTUAL_PROMPT_0|>the{answer}", {"answer": "re"}
    row = _example(template, record, tokenizer=llama_like())
    (whole,) = llama_like().encode_batch(["there"])
    (prompt,) = llama_like().encode_batch(["the"])
    assert len(whole.ids) == 1
    answer = llama_like().encode_continuation("re")
    assert row.input_ids == (-1, -2, -3, *prompt.ids, *answer, 2)


@pytest.mark.parametrize("space", ["", " ", "  ", "\n", "\n\n", " \n "])
@pytest.mark.parametrize("answer", ["yes", " yes", "\n\nyes", "", " "])
def test_the_prompt_begins_the_row_whatever_space_is_between(space: str, answer: str):
    template = f"<|VIRTUAL_PROMPT_0|> Answer:{space}{{answer}}"
    row = _example(template, {"answer": answer})
    prompt = _example(template, {"answer": answer}, prompt=True)
    assert row.input_ids[: row.answer_start] == prompt.input_ids
    assert _text(row) == f" Answer:{space}{answer}".rstrip(" ")
    assert _text(prompt) == f" Answer:{space}".rstrip(" ")


def test_a_space_before_the_answer_belongs_to_the_answer():
    row = _example("<|VIRTUAL_PROMPT_0|> Answer: {answer}", {"answer": "yes"})
    assert row.answer_start is not None
    assert _text(row, row.answer_start) == " yes"


@pytest.mark.parametrize("tokenizer", [byte_level, llama_like, sentence_piece])
@pytest.mark.parametrize("answer", ["yes", " yes", " the cat", "the cat"])
def test_the_answer_starts_where_the_prompt_ends(tokenizer: Any, answer: str):
    template, record = "<|VIRTUAL_PROMPT_0|>Answer:{answer}", {"answer": answer}
    row = _example(template, record, tokenizer=tokenizer())
    prompt = _example(template, record, tokenizer=tokenizer(), prompt=True)
    assert row.answer_start == len(prompt.input_ids)
    assert row.input_ids[: row.answer_start] == prompt.input_ids


def test_an_answer_right_after_virtual_tokens_begins_there():
    row = _example("{context}<|VIRTUAL_PROMPT_0|>{answer}", RECORD)
    assert row.answer_start == row.input_ids.index(-3) + 1


def test_the_loss_covers_all_but_virtual_tokens_when_it_is_not_on_answers_alone():
    row = _example(answer_only_loss=False)
    assert row.answer_start is None
    assert row.loss_mask == (False,) * 3 + (True,) * (len(row.input_ids) - 3)


def test_a_prompt_has_no_eos_and_needs_no_answer():
    prompt = _example(record={k: RECORD[k] for k in ("context", "question")}, prompt=True)
    assert _text(prompt).endswith("\n\nAnswer:")
    assert END_OF_TEXT not in prompt.input_ids
    assert prompt.answer_start is None


def test_a_prompt_ends_before_an_answer_in_the_middle():
    template = "<|VIRTUAL_PROMPT_0|> {question}: {answer}; {context}"
    for record in (RECORD, {"question": RECORD["question"]}):
        assert (
            _text(_example(template, record, answer_only_loss=False, prompt=True)) == " Who sat?:"
        )


def test_a_prompt_has_the_room_that_a_row_needs_for_eos():
    prompt = _example(prompt=True)
    assert _encode(prompt=True, limit=len(prompt.input_ids)) == prompt


def test_a_prompt_cannot_lose_a_field_that_it_does_not_have():
    template = "<|VIRTUAL_PROMPT_0|> {question}: {answer}; {context}"
    prompt = _encode(template, limit=5, answer_only_loss=False, prompt=True)
    assert isinstance(prompt, Unfit)
    assert prompt.reason is UnfitReason.NOTHING_TO_CUT


def test_a_task_without_an_answer_prompts_with_its_whole_text():
    template = "<|VIRTUAL_PROMPT_0|> {context}"
    assert _text(_example(template, prompt=True)) == " The cat sat on the mat."


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        ({"context": None}, RecordErrorKind.NOT_TEXT),
        ({"context": 7}, RecordErrorKind.NOT_TEXT),
        ({"context": ["a"]}, RecordErrorKind.NOT_TEXT),
        ({"context": "\ud800"}, RecordErrorKind.LONE_SURROGATE),
    ],
)
def test_a_field_that_is_no_text_is_an_error_with_its_row(
    change: dict[str, Any], kind: RecordErrorKind
):
    encoder = RowEncoder(task_plan(), byte_level(), 1000, False, optional_fields=("context",))
    rows = [RECORD] * 1500
    with pytest.raises(RecordError, match="row 1400: the field 'context'") as found:
        encoder.encode_batch([*rows[:1400], RECORD | change, *rows])
    assert (found.value.kind, found.value.field, found.value.row) == (kind, "context", 1400)


def test_a_missing_field_is_an_error_unless_it_is_optional():
    record = {"question": "Who?", "answer": "me"}
    with pytest.raises(RecordError, match="'context' is missing"):
        _encode(record=record)
    encoder = RowEncoder(task_plan(), byte_level(), 1000, False, optional_fields=("context",))
    (example,) = encoder.encode_batch([record])
    assert isinstance(example, Example)
    assert _text(example).startswith(" Context: \n\nQuestion: Who?")
    assert record == {"question": "Who?", "answer": "me"}


@pytest.mark.parametrize(("add_bos", "add_eos"), [(True, False), (False, True)])
def test_a_tokenizer_without_bos_or_eos_is_refused_where_one_is_needed(
    add_bos: bool, add_eos: bool
):
    tokenizer: FastTokenizer = fast_tokenizer(byte_level_spec(), None, None)
    with pytest.raises(SpecialTokenError, match="BOS" if add_bos else "EOS"):
        RowEncoder(task_plan(), tokenizer, 100, add_bos, add_eos)


def test_the_token_of_id_0_may_be_bos_eos_and_text():
    tokenizer = fast_tokenizer(byte_level_spec(), 0, 0)
    (zero,) = tokenizer.encode_batch(["!"])
    assert list(zero.ids) == [0]
    task = task_plan("<|VIRTUAL_PROMPT_0|>{context}", virtual_token_splits=(1,))
    (example,) = RowEncoder(task, tokenizer, 100, True).encode_batch([{"context": "!"}])
    assert isinstance(example, Example)
    assert example.input_ids == (0, -1, 0, 0)
    assert example.loss_mask == (True, False, True, True)


def test_a_row_that_is_only_a_first_token_has_nothing_to_learn():
    """Nothing predicts it."""
    task = task_plan("{answer}", virtual_token_splits=(), answer_only_loss=True)
    (alone,) = RowEncoder(task, byte_level(), 100, False).encode_batch([{"answer": ""}])
    assert isinstance(alone, Unfit)
    assert alone.reason is UnfitReason.NOTHING_TO_LEARN
    (after_bos,) = RowEncoder(task, byte_level(), 100, True).encode_batch([{"answer": ""}])
    assert isinstance(after_bos, Example)


def test_a_template_that_cannot_be_read_is_refused():
    with pytest.raises(TemplateError, match="closes"):
        RowEncoder(task_plan("<|VIRTUAL_PROMPT_0|> {context"), byte_level(), 100, False)


def test_many_rows_are_as_one():
    encoder = RowEncoder(task_plan(), byte_level(), 24, False)
    records = [{**RECORD, "context": f"{at} " * (at % 9)} for at in range(2500)]
    together = encoder.encode_batch(records)
    assert together == [encoder.encode_batch([record])[0] for record in records]
    assert {type(result) for result in together} == {Example, Unfit} or any(
        isinstance(result, Example) and result.cut for result in together
    )


def test_no_rows_are_no_examples():
    assert RowEncoder(task_plan(), byte_level(), 24, False).encode_batch([]) == []


def test_a_row_without_a_token_in_the_loss_is_told():
    encoder = RowEncoder(task_plan(), byte_level(), 100, False, False)
    (empty,) = encoder.encode_batch([RECORD | {"answer": ""}])
    assert isinstance(empty, Unfit)
    assert empty.reason is UnfitReason.NOTHING_TO_LEARN
    assert isinstance(_encode(record=RECORD | {"answer": ""}), Example)


def test_white_space_beside_virtual_tokens_can_be_nemos_of_2023():
    for whitespace, begin in ((Whitespace.KEPT, " Context"), (Whitespace.NEMO_2023, "Context")):
        encoder = RowEncoder(task_plan(whitespace=whitespace), byte_level(), 100, False)
        (example,) = encoder.encode_batch([RECORD])
        assert isinstance(example, Example)
        assert _text(example).startswith(begin)


def test_an_empty_answer_before_virtual_tokens_keeps_the_prompt_in_nemos_whitespace_too():
    """The row's white space is stripped beside the marker; the prompt has no marker there."""
    template = "<|VIRTUAL_PROMPT_0|>Q:\n{answer}<|VIRTUAL_PROMPT_1|>"
    task = task_plan(
        template,
        virtual_token_splits=(1, 1),
        answer_only_loss=False,
        whitespace=Whitespace.NEMO_2023,
    )
    encoder = RowEncoder(task, byte_level(), 100, False)
    row, prompt = (
        encoder.encode_batch([{"answer": ""}], for_inference=prompt)[0] for prompt in (False, True)
    )
    assert isinstance(row, Example)
    assert isinstance(prompt, Example)
    assert row.input_ids[: len(prompt.input_ids)] == prompt.input_ids


def test_what_was_cut_is_told_in_tokens_and_characters():
    whole = _example()
    cut = _example(limit=len(whole.input_ids) - 3, truncate_side=TruncateSide.RIGHT)
    assert cut.cut == (("context", 3),)
    ((start, end),) = cut.cut_spans
    assert RECORD["context"][start:end] == " the mat."[-(end - start) :]
    assert _text(whole).replace(RECORD["context"][start:], "") == _text(cut)
