"""The laws of rows that are too long; `row_laws.ROW_LAWS` has them with all others."""

import unicodedata
from collections.abc import Mapping

from softprompt_plan.example import Example, Unfit, UnfitReason
from softprompt_plan.layout import Stretch, lay_out
from softprompt_plan.row_case import RowCase
from softprompt_plan.template import parse_template
from softprompt_plan.vocabulary import TruncateSide


def refused_row_cannot_fit(case: RowCase) -> str | None:
    """A row is refused only if it is too long without its truncate fields."""
    result = case.encode()
    if not isinstance(result, Unfit):
        return None
    shortest = len(case.example(case.emptied()).input_ids)
    if result.min_tokens != shortest or shortest <= case.limit:
        return f"refused, at least {result.min_tokens} tokens; it can be cut to {shortest}"
    nothing = all(not case.record[name] for name in case.task.truncate_fields)
    if (result.reason is UnfitReason.NOTHING_TO_CUT) != nothing:
        return f"the reason given is {result.reason.value}"
    return None


def cut_row_is_the_row_of_its_text(case: RowCase) -> str | None:
    """Only truncate fields lose anything, and encoding what was kept changes nothing."""
    result = case.cut_row()
    if result is None:
        return None
    kept = case.kept(result)
    changed = {name for name in kept if kept[name] != case.record[name]}
    if changed - {*case.task.truncate_fields}:
        return f"fields that must stay were cut: {', '.join(sorted(changed))}"
    again = case.encode(kept)
    if not isinstance(again, Example) or again.cut:
        return "the text that was kept does not fit"
    same = (again.input_ids, again.loss_mask) == (result.input_ids, result.loss_mask)
    return None if same else "the text that was kept has other ids"


def cut_in_order_and_on_its_side(case: RowCase) -> str | None:
    """Each truncate field is emptied before the next is touched, on the side that is asked for."""
    result = case.cut_row()
    if result is None:
        return None
    cut = [field for field, _ in result.cut]
    not_empty = [name for name in case.task.truncate_fields if case.record[name]]
    if cut != not_empty[: len(cut)]:
        return f"the fields cut are {cut}, and those to cut {not_empty}"
    for field, span in zip(cut[:-1], result.cut_spans, strict=False):
        if span != (0, len(case.record[field])):
            return f"{field} was not emptied before {cut[-1]} was cut"
    start, end = result.cut_spans[-1]
    side = case.task.truncate_side
    wrong_end = side is TruncateSide.RIGHT and end != len(case.record[cut[-1]])
    if wrong_end or (side is TruncateSide.LEFT and start != 0):
        return f"{cut[-1]} lost its characters {start} to {end}, not on the side {side}"
    if start >= end or any(tokens < 0 for _, tokens in result.cut):
        return f"{cut[-1]} is said to be cut, and lost nothing"
    return None


def fewest_tokens_are_lost(case: RowCase) -> str | None:
    """With the next smaller cut the row would be too long."""
    result = case.cut_row()
    if result is None:
        return None
    field, record = result.cut[-1][0], dict(case.record)
    record.update(dict.fromkeys([earlier for earlier, _ in result.cut[:-1]], ""))
    smaller = _next_smaller_cut(case, record, field, result.cut_spans[-1])
    if smaller is None:
        return f"{field} is not cut where a token of the full row begins"
    size = len(case.example({**record, field: smaller}).input_ids)
    return None if size > case.limit else f"a smaller cut of {field} gives {size} tokens"


def _next_smaller_cut(
    case: RowCase, record: Mapping[str, str], field: str, span: tuple[int, int]
) -> str | None:
    """The field's text with one piece more; None if the cut is at no border of tokens."""
    whole, (start, end) = record[field], span
    borders, spaced = _token_borders(case, record, field)
    if end not in borders and start == 0 and spaced and whole[end - 1] == " ":
        end -= 1  # a space was left out beside another one
    if start not in borders or end not in borders:
        return None
    num_kept = borders.index(start) + len(borders) - 1 - borders.index(end)
    cut_text = whole[: span[0]] + whole[span[1] :]
    more = range(num_kept + 1, len(borders))
    texts = (_keeping(case.task.truncate_side, whole, borders, keep, spaced) for keep in more)
    return next((text for text in texts if text != cut_text), whole)


def _keeping(side: TruncateSide, text: str, borders: list[int], keep: int, spaced: bool) -> str:
    """The text with `keep` of its pieces. Leaving out a doubled space may equal the next cut."""
    tail = {TruncateSide.RIGHT: 0, TruncateSide.LEFT: keep}.get(side, keep // 2)
    first, last = borders[keep - tail], borders[len(borders) - 1 - tail]
    kept = text[last:]
    if spaced and first == 0 < last:
        kept = kept.removeprefix(" ")
    return text[:first] + kept


def _token_borders(case: RowCase, record: Mapping[str, str], field: str) -> tuple[list[int], bool]:
    """Where tokens of the full row begin within the field, by plain search.

    And whether a space stands before the field.
    """
    segments = parse_template(case.task.prompt_template).segments
    layout = lay_out(segments, case.task.virtual_token_splits, case.task.whitespace)
    stretches = [part for part in layout.parts if isinstance(part, Stretch)]
    stretch = next(part for part in stretches if part.count_field(field))
    begin, size = stretch.find_field(record, field) or 0, len(record[field])
    text = stretch.text(record)
    offsets = case.tokenizer.encode_batch([text])[0].offsets
    crossed = {at for start, end in offsets for at in range(start + 1, end)}
    inside = {
        start - begin
        for start, _ in offsets
        if 0 < start - begin < size
        and start not in crossed
        and not unicodedata.category(text[start]).startswith("M")
    }
    return sorted({0, size, *inside}), begin > 0 and text[begin - 1] == " "
