import re
from string import Formatter

import pytest

from softprompt_compiler.catalogue import RULES, text
from softprompt_compiler.catalogue.rule import Rule
from softprompt_compiler.diagnostic import Fix, Label, Severity, has_errors, in_source_order
from softprompt_compiler.source import SourceFile

SOURCE = SourceFile(name="spec.yaml", text="a: 1\nb: 2\n")
ERROR = Rule("SP0999", "made-up", Severity.ERROR, "`{key}` is wrong")
WARNING = Rule("SP0998", "doubtful", Severity.WARNING, "`{key}` is doubtful")


def test_a_rule_fills_its_sentence_and_keeps_places_and_advice() -> None:
    other = Label(span=SOURCE.span(5, 6), text="and here")
    fix = Fix.sure(SOURCE.span(0, 1), "c")
    found = ERROR.at(
        SOURCE.span(0, 1), key="a", label="here", labels=[other], notes="n", help=["h"], fix=fix
    )

    assert found.message == "`a` is wrong"
    assert found.primary == Label(span=SOURCE.span(0, 1), text="here")
    assert found.secondary == (other,)
    assert (found.notes, found.help, found.fix) == (("n",), ("h",), fix)


def test_a_value_is_never_read_as_a_format() -> None:
    assert ERROR.at(SOURCE.span(0), key="{key}{0}").message == "`{key}{0}` is wrong"


def test_a_rule_refuses_to_be_told_too_little() -> None:
    with pytest.raises(KeyError):
        ERROR.at(SOURCE.span(0))


def test_diagnostics_come_in_source_order_and_once() -> None:
    first, second = ERROR.at(SOURCE.span(0), key="a"), ERROR.at(SOURCE.span(5), key="b")

    assert [first, second] == in_source_order([second, first, second])


def test_only_errors_stop_the_compiler() -> None:
    warning = WARNING.at(SOURCE.span(0), key="a")

    assert not has_errors([warning])
    assert has_errors([warning, ERROR.at(SOURCE.span(0), key="a")])


def test_codes_and_names_are_unique_and_of_one_form() -> None:
    declared = [each for each in vars(text).values() if isinstance(each, Rule)]

    assert len({rule.code for rule in declared}) == len(declared)
    assert len({rule.name for rule in RULES.values()}) == len(RULES)
    for code, rule in RULES.items():
        assert re.fullmatch(r"SP0[0-39]\d\d", code)
        assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", rule.name)


def test_no_sentence_begs_or_calls_anything_invalid() -> None:
    for rule in RULES.values():
        words = {word.lower() for word in re.findall(r"\w+", rule.message)}
        assert not words & {"please", "invalid", "sorry", "oops"}, rule.code
        assert not rule.message.endswith("."), rule.code
        assert all(name is None or name.isidentifier() for _, name, _, _ in _fields(rule)), rule


def _fields(rule: Rule) -> list[tuple[str, str | None, str | None, str | None]]:
    return list(Formatter().parse(rule.message))
