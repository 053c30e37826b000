"""What holds for every row, whatever the template, the data, the tokenizer and the limit.

What each law says is in `softprompt_plan.row_laws`; here are the cases that it is tried on.
"""

import pytest
from hypothesis import assume, event, given

from softprompt_plan import cut_laws, row_laws
from softprompt_plan.example import Example, Unfit
from softprompt_plan.row_case import RowCase
from tests.strategies import cut_row_cases, row_cases, tight_row_cases


def require(violation: str | None) -> None:
    """The law holds."""
    if violation is not None:
        pytest.fail(violation, pytrace=False)


@given(tight_row_cases())
def test_a_row_never_exceeds_the_limit(case: RowCase):
    result = case.encode()
    event(("cut" if result.cut else "whole") if isinstance(result, Example) else result.reason)
    require(row_laws.within_limit(case))


@given(row_cases())
def test_a_row_that_fits_is_never_cut(case: RowCase):
    require(row_laws.fitting_row_is_whole(case))


@given(tight_row_cases())
def test_an_unfit_row_is_too_long_without_its_truncate_fields(case: RowCase):
    assume(isinstance(case.encode(), Unfit))
    require(cut_laws.refused_row_cannot_fit(case))


def require_of_cut(violation: str | None, case: RowCase) -> None:
    """The law holds, and said something about the case."""
    assert case.cut_row() is not None
    require(violation)


@given(cut_row_cases())
def test_a_cut_row_is_the_row_of_the_text_it_kept(case: RowCase):
    """So only the truncate fields lost anything, and encoding again changes nothing."""
    require_of_cut(cut_laws.cut_row_is_the_row_of_its_text(case), case)


@given(cut_row_cases())
def test_fields_are_sacrificed_in_order_and_on_their_side(case: RowCase):
    require_of_cut(cut_laws.cut_in_order_and_on_its_side(case), case)


@given(cut_row_cases())
def test_the_next_smaller_cut_does_not_fit(case: RowCase):
    require_of_cut(cut_laws.fewest_tokens_are_lost(case), case)


@given(cut_row_cases())
def test_bos_eos_virtual_tokens_and_the_answer_survive(case: RowCase):
    require_of_cut(row_laws.frame_and_answer_survive(case), case)


@given(row_cases())
def test_virtual_tokens_stand_at_their_markers_in_marker_order(case: RowCase):
    require(row_laws.virtual_tokens_in_marker_order(case))


@given(row_cases(with_answer=True))
def test_the_prompts_ids_begin_the_rows_ids(case: RowCase):
    require(row_laws.prompt_begins_the_row(case))


@given(cut_row_cases(with_answer=True))
def test_the_prompt_of_a_cut_row_begins_it_too(case: RowCase):
    require_of_cut(row_laws.prompt_begins_the_cut_row(case), case)


@given(row_cases(with_answer=True))
def test_a_prompt_does_not_depend_on_the_answer(case: RowCase):
    require(row_laws.prompt_ignores_the_answer(case))


@given(row_cases())
def test_the_loss_mask_covers_the_answer_and_eos_or_all_text(case: RowCase):
    require(row_laws.loss_covers_the_answer_or_all_text(case))


@given(row_cases())
def test_data_is_opaque(case: RowCase):
    """The row's text is the template's with each field put in once, as it is."""
    require(row_laws.data_is_text(case))


@given(row_cases())
def test_no_text_becomes_a_special_token(case: RowCase):
    require(row_laws.no_special_token_from_data(case))


@given(row_cases())
def test_encoding_changes_neither_record_nor_task(case: RowCase):
    require(row_laws.encoding_changes_nothing(case))


@given(cut_row_cases(), row_cases())
def test_a_row_does_not_depend_on_its_neighbours(case: RowCase, other: RowCase):
    """And there is one result for each record, in order, in training and for prompts."""
    fields = [name for name in case.record if name != "unused"]
    second = {name: other.record.get(name, other.record["unused"]) for name in fields}
    require(row_laws.independent_of_neighbours(case, second))
    require(row_laws.one_result_for_each_record(case))
