"""How many tokens each part of a row takes."""

from collections.abc import Sequence

from hypothesis import given

from softprompt_plan.example import Example, RowEncoder
from softprompt_plan.part_lengths import Part, PartKind
from softprompt_plan.row_case import RowCase
from softprompt_plan.tokenization import Encoding, FastTokenizer, PieceEncoding
from tests.strategies import row_cases, tight_row_cases
from tests.task_plans import task_plan
from tests.tokenizers_for_tests import byte_level


def _measured(case: RowCase, *, prompt: bool) -> dict[Part, int]:
    encoder = RowEncoder(case.task, case.tokenizer, case.limit, case.add_bos)
    (lengths,) = encoder.measure_batch([case.record], for_inference=prompt)
    return dict(zip(encoder.parts(prompt), lengths.parts, strict=True))


@given(row_cases())
def test_the_parts_of_a_row_sum_to_its_length(case: RowCase) -> None:
    for prompt in (False, True):
        parts = _measured(case, prompt=prompt)

        assert sum(parts.values()) == len(case.example(prompt=prompt).input_ids)
        assert min(parts.values()) >= 0
        assert parts[Part(kind=PartKind.VIRTUAL)] == case.task.num_virtual_tokens
        assert parts[Part(kind=PartKind.SPECIAL)] == case.add_bos + (not prompt)


@given(row_cases(with_answer=True))
def test_the_answer_takes_what_follows_the_prompt(case: RowCase) -> None:
    answer = _measured(case, prompt=False)[Part(kind=PartKind.ANSWER, field="answer")]

    whole, prompt = case.example(), case.example(prompt=True)
    assert answer == len(whole.input_ids) - len(prompt.input_ids) - 1  # EOS


@given(row_cases())
def test_a_part_without_text_takes_no_token_that_another_could_have(case: RowCase) -> None:
    for part, length in _measured(case, prompt=False).items():
        if part.field is not None and part.kind is PartKind.FIELD and not case.record[part.field]:
            assert length == 0


@given(tight_row_cases())
def test_measuring_agrees_with_encoding(case: RowCase) -> None:
    encoder = RowEncoder(case.task, case.tokenizer, case.limit, case.add_bos)
    for prompt in (False, True):
        (lengths,) = encoder.measure_batch([case.record], for_inference=prompt)
        encoded = case.encode(prompt=prompt)

        if isinstance(encoded, Example):
            assert (lengths.unfit, lengths.cut) == (None, encoded.cut)
        else:
            assert lengths.unfit == encoded
            assert lengths.num_tokens == encoded.num_tokens


class _NoLookUp:
    """A tokenizer whose encodings list their offsets and can look nothing up."""

    def __init__(self, tokenizer: FastTokenizer) -> None:
        self._tokenizer = tokenizer
        self.bos_id, self.eos_id = tokenizer.bos_id, tokenizer.eos_id
        self.encode_continuation = tokenizer.encode_continuation
        self.keeps_border = tokenizer.keeps_border
        self.decode = tokenizer.decode

    def encode_batch(self, texts: Sequence[str]) -> Sequence[Encoding]:
        encoded = self._tokenizer.encode_batch(texts)
        return [PieceEncoding(each.ids, each.offsets) for each in encoded]


@given(row_cases())
def test_tokens_that_are_looked_up_are_those_of_the_offsets(case: RowCase) -> None:
    tokenizer = case.tokenizer
    if not isinstance(tokenizer, FastTokenizer):
        return
    found = [
        RowEncoder(case.task, each, 10**6, case.add_bos).measure_batch([case.record])
        for each in (tokenizer, _NoLookUp(tokenizer))
    ]

    assert found[0] == found[1]


def test_a_token_counts_for_the_part_in_which_it_ends() -> None:
    task = task_plan("<|VIRTUAL_PROMPT_0|>the {context}the {answer}")
    encoder = RowEncoder(task, byte_level(), 1000, add_bos=False)
    records = [{"context": "the the ", "answer": "the"}, {"context": "", "answer": "the"}]
    names = [part.field or part.kind.value for part in encoder.parts()]
    (encoding,) = byte_level().encode_batch(["the the the"])

    assert [byte_level().decode([each]) for each in encoding.ids] == ["the", " the", " the"]
    assert names == ["virtual", "special", "template", "context", "answer"]
    assert [each.parts for each in encoder.measure_batch(records)] == [
        (3, 1, 2, 2, 1),
        (3, 1, 2, 0, 1),
    ]


def test_a_field_that_stands_twice_is_one_part() -> None:
    task = task_plan(
        "<|VIRTUAL_PROMPT_0|>{context}<|VIRTUAL_PROMPT_1|>{context}", virtual_token_splits=(1, 2)
    )
    encoder = RowEncoder(task, byte_level(), 1000, add_bos=True)
    (lengths,) = encoder.measure_batch([{"context": "the"}])

    assert dict(zip([part.kind.value for part in encoder.parts()], lengths.parts, strict=True)) == {
        "virtual": 3,
        "special": 2,
        "template": 0,
        "field": 2,
    }
