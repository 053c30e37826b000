"""Templates: what is read, and what is wrong where."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from softprompt_plan.plan import TaskPlan
from softprompt_plan.template import (
    FaultKind,
    Field,
    Segment,
    Template,
    Text,
    VirtualMarker,
    parse_template,
)
from tests.strategies import HOSTILE_TEXTS, tasks
from tests.task_plans import SQUAD


def _told(template: Template) -> list[tuple[FaultKind, str]]:
    return [(fault.kind, template.text[fault.start : fault.end]) for fault in template.faults]


def _short(segments: tuple[Segment, ...]) -> list[str | int | tuple[str]]:
    """Texts as text, markers as numbers, fields as one-tuples."""
    found: list[str | int | tuple[str]] = []
    for segment in segments:
        if isinstance(segment, VirtualMarker):
            found.append(segment.number)
        else:
            found.append(segment.text if isinstance(segment, Text) else (segment.name,))
    return found


def test_a_template_is_text_fields_and_markers_with_their_places():
    template = parse_template("<|VIRTUAL_PROMPT_0|> Q: {question}\nA:{answer}")
    assert template.segments == (
        VirtualMarker(number=0, start=0, end=20),
        Text(text=" Q: ", start=20, end=24),
        Field(name="question", start=24, end=34),
        Text(text="\nA:", start=34, end=37),
        Field(name="answer", start=37, end=45),
    )
    assert template.faults == ()


def test_fields_are_named_once_and_markers_stand_in_the_order_of_the_text():
    template = parse_template("<|VIRTUAL_PROMPT_1|>{b}{a}<|VIRTUAL_PROMPT_0|>{b}")
    assert template.fields == ("b", "a")
    assert [marker.number for marker in template.markers] == [1, 0]
    assert template.faults == ()


@pytest.mark.parametrize(
    ("text", "segments"),
    [
        ("{{}}", ["{}"]),
        ('{{"k": {a}}}', ['{"k": ', ("a",), "}"]),
        ("{{{a}}}", ["{", ("a",), "}"]),
        ("{{a}}", ["{a}"]),
        ("x{{y}}z{a}", ["x{y}z", ("a",)]),
        ("{{{{a}}}}", ["{{a}}"]),
    ],
)
def test_a_doubled_brace_is_one_literal_brace(text: str, segments: list[str | tuple[str]]):
    template = parse_template(text)
    assert _short(template.segments) == segments
    assert _told(template) == [(FaultKind.NO_MARKER, text)]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{a", [(FaultKind.UNCLOSED_FIELD, "{")]),
        ("a} b", [(FaultKind.SINGLE_BRACE, "}")]),
        ('{"k": {a}}', [(FaultKind.UNCLOSED_FIELD, "{"), (FaultKind.SINGLE_BRACE, "}")]),
        ("{}", [(FaultKind.EMPTY_FIELD_NAME, "{}")]),
        ("{ a }", [(FaultKind.FIELD_NAME_SPACES, "{ a }")]),
        ("{  }", [(FaultKind.FIELD_NAME_SPACES, "{  }")]),
        ("{a:>10}", [(FaultKind.FIELD_NAME_ODD, "{a:>10}")]),
        ("{a!r}", [(FaultKind.FIELD_NAME_ODD, "{a!r}")]),
        ("{1a}", [(FaultKind.FIELD_NAME_ODD, "{1a}")]),
        ("{a\nb}", [(FaultKind.FIELD_NAME_ODD, "{a\nb}")]),
        ("{a[0]}", [(FaultKind.FIELD_NAME_ODD, "{a[0]}")]),
        ("<|VIRTUAL_PROMPT|>", [(FaultKind.MARKER_MALFORMED, "<|VIRTUAL_PROMPT|>")]),
        ("<|VIRTUAL_PROMPT_00|>", [(FaultKind.MARKER_MALFORMED, "<|VIRTUAL_PROMPT_00|>")]),
        ("<|VIRTUAL_PROMPT_0>", [(FaultKind.MARKER_MALFORMED, "<|VIRTUAL_PROMPT_0>")]),
        ("<|virtual_prompt_1|>", [(FaultKind.MARKER_MALFORMED, "<|virtual_prompt_1|>")]),
        ("VIRTUAL_PROMPT_1", [(FaultKind.MARKER_MALFORMED, "VIRTUAL_PROMPT_1")]),
        ("<|VIRTUAL_PROMPT_\u0661|>", [(FaultKind.MARKER_MALFORMED, "<|VIRTUAL_PROMPT_\u0661|>")]),
    ],
)
def test_a_fault_has_its_kind_and_its_place(text: str, told: list[tuple[FaultKind, str]]):
    before = "<|VIRTUAL_PROMPT_0|> x "
    assert _told(parse_template(before + text)) == told


@pytest.mark.parametrize(
    "name", ["a", "_a", "a_1", "a-b", "a.b", "intent options", "\u00e9t\u00e9"]
)
def test_a_field_name_may_hold(name: str):
    template = parse_template(f"<|VIRTUAL_PROMPT_0|>{{{name}}}")
    assert template.fields == (name,)
    assert template.faults == ()


def _markers(*numbers: int) -> str:
    return " ".join(f"<|VIRTUAL_PROMPT_{number}|>" for number in numbers)


@pytest.mark.parametrize(
    ("numbers", "kinds"),
    [
        ((0,), []),
        ((0, 1, 2), []),
        ((2, 0, 1), []),
        ((1,), [FaultKind.MARKER_OUT_OF_RANGE]),
        ((0, 2), [FaultKind.MARKER_OUT_OF_RANGE]),
        ((1, 2), [FaultKind.MARKER_OUT_OF_RANGE]),
        ((0, 0), [FaultKind.MARKER_REPEATED]),
        ((0, 1, 0, 0), [FaultKind.MARKER_REPEATED, FaultKind.MARKER_REPEATED]),
        ((999999999,), [FaultKind.MARKER_OUT_OF_RANGE]),
    ],
)
def test_markers_are_0_to_n_each_once_in_any_order(
    numbers: tuple[int, ...], kinds: list[FaultKind]
):
    assert [fault.kind for fault in parse_template(_markers(*numbers)).faults] == kinds


def test_a_missing_marker_number_is_named():
    (fault,) = parse_template(_markers(0, 3)).faults
    assert "no marker 1" in fault.detail


def test_a_template_without_markers_is_read():
    template = parse_template("plain {alpha} and {beta}")
    assert [fault.kind for fault in template.faults] == [FaultKind.NO_MARKER]
    assert template.fields == ("alpha", "beta")


def test_a_malformed_marker_is_not_also_a_missing_one():
    assert len(parse_template("<|VIRTUAL_PROMPT|> {a}").faults) == 1


_TEXT = st.lists(
    st.one_of(
        st.sampled_from(["{", "}", "{{", "}}", "{a}", "<|", "|>", "VIRTUAL_PROMPT_", "0", " "]),
        st.sampled_from(HOSTILE_TEXTS),
        st.text(max_size=5),
    ),
    max_size=12,
).map("".join)


@given(_TEXT)
@example(SQUAD)
def test_any_text_at_all_is_read_and_every_place_lies_within_it(text: str):
    template = parse_template(text)
    at = 0
    for segment in template.segments:
        assert segment.start == at < segment.end
        at = segment.end
    assert at == len(text)
    assert not any(
        isinstance(one, Text) and isinstance(two, Text)
        for one, two in zip(template.segments, template.segments[1:], strict=False)
    )
    assert all(0 <= fault.start <= fault.end <= len(text) for fault in template.faults)
    assert list(template.faults) == sorted(template.faults, key=lambda f: (f.start, f.end))


@given(_TEXT)
def test_a_template_without_faults_is_what_its_segments_write(text: str):
    template = parse_template(text)
    if {fault.kind for fault in template.faults} - {FaultKind.NO_MARKER}:
        return
    written = ""
    for segment in template.segments:
        match segment:
            case Text():
                written += segment.text.replace("{", "{{").replace("}", "}}")
            case Field():
                written += f"{{{segment.name}}}"
            case VirtualMarker():
                written += f"<|VIRTUAL_PROMPT_{segment.number}|>"
    assert written == text


@given(tasks())
def test_the_templates_of_the_properties_are_without_faults(task: TaskPlan):
    assert parse_template(task.prompt_template).faults == ()
