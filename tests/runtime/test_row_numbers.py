import hypothesis.strategies as st
import pytest
from hypothesis import given

from softprompt_runtime.row_numbers import RowNumbers

some_ranges = st.lists(st.builds(range, st.integers(0, 20), st.integers(0, 20)), max_size=4)


@given(ranges=some_ranges, start=st.integers(-50, 50), stop=st.integers(-50, 50))
def test_numbers_are_a_sequence_as_a_list_is(ranges: list[range], start: int, stop: int) -> None:
    numbers = RowNumbers(ranges)
    expected = [number for own in ranges for number in own]

    assert list(numbers) == expected
    assert len(numbers) == len(expected)
    assert numbers[start:stop] == expected[start:stop]


def test_a_number_beyond_the_end_is_an_index_error() -> None:
    with pytest.raises(IndexError):
        RowNumbers([range(3)])[3]
    assert RowNumbers([range(3)])[-1] == 2
