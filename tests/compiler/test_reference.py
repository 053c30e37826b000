from pathlib import Path

from softprompt_compiler.reference import reference
from softprompt_compiler.spec.walk import all_fields

PAGE = Path(__file__).parents[2] / "docs" / "spec-reference.md"


def test_the_page_is_current(*, update_golden: bool) -> None:
    if update_golden:
        PAGE.write_text(reference(), "utf-8")

    assert reference() == PAGE.read_text("utf-8")


def test_every_field_has_its_heading() -> None:
    lines = reference().splitlines()

    assert [field for field in all_fields() if f"### {field}" not in lines] == []
