"""The page of a preview, as text and in a real browser."""

import re
from dataclasses import replace
from html.parser import HTMLParser
from importlib.resources import files
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from selenium.webdriver.common.by import By

from softprompt_compiler.preview import RowStatus
from softprompt_compiler.render.display import safe
from softprompt_compiler.render.preview_html import render
from softprompt_compiler.render.preview_pieces import pill
from softprompt_plan.row_case import RowCase
from softprompt_plan.vocabulary import Split
from tests.compiler import browser
from tests.compiler.previews import SPECIAL, joined, preview_of, row_of
from tests.strategies import cut_row_cases, row_cases
from tests.task_plans import task_plan
from tests.tokenizers_for_tests import byte_level

HOSTILE = (
    "<script>document.title='owned'</script> </p><img src=x onerror=alert(1)> \"double\" 'single' "
    "]]> --> &amp; {{ 7 * 7 }} \u202eright to left\u202c \U0001f680 e\u0301 \x1b[31m \x07 the the "
)
SHOWN = (
    "<script>document.title='owned'</script> </p><img src=x onerror=alert(1)> \"double\" 'single' "
    "]]> --> &amp; {{ 7 * 7 }} <U+202E>right to left<U+202C> \U0001f680 e\u0301 \u241b[31m \u2407 "
)


def case(text: str, *, limit: int = 10_000) -> RowCase:
    task = task_plan("<|VIRTUAL_PROMPT_0|>{context}\nAnswer:{answer}")
    record = {"context": text, "answer": " <b>yes</b>"}
    return RowCase(task=task, tokenizer=byte_level(), record=record, add_bos=True, limit=limit)


def hostile_case() -> RowCase:
    """A row of hostile text that loses the words at its end."""
    length = len(case(HOSTILE).example().input_ids)
    return case(HOSTILE, limit=length - 3)


class _Page(HTMLParser):
    """The elements, and the text of the rows."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.rows: list[str] = []
        self._in_row = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        if tag == "p" and ("class", "row") in attrs:
            self._in_row = True
            self.rows.append("")

    def handle_endtag(self, tag: str) -> None:
        self._in_row = self._in_row and tag != "p"

    def handle_data(self, data: str) -> None:
        if self._in_row:
            self.rows[-1] += data


def parsed(text: str) -> _Page:
    page = _Page()
    page.feed(text)
    page.close()
    return page


@given(row_cases() | cut_row_cases())
def test_no_text_of_the_data_becomes_markup(shown: RowCase):
    text = joined(render(preview_of(row_of(shown))))
    harmless = joined(render(preview_of(row_of(case("the\nthe")))))
    page, usual = parsed(text), parsed(harmless)

    assert text.isascii()
    assert page.tags <= usual.tags | {"del"}
    assert page.attributes <= usual.attributes
    pieces = row_of(shown).pieces
    words = (piece.text or f"\u27e6{pill(piece, 'squad', SPECIAL)}\u27e7" for piece in pieces)
    assert _visible(page.rows[0]) == _visible(safe("".join(words)))


def _visible(text: str) -> str:
    """Without white space and the signs for it."""
    return re.sub(r"[\s\u2400-\u2426\u21b5\u21e5]", "", text)


def test_the_page_asks_for_nothing():
    text = joined(render(preview_of(row_of(hostile_case()))))
    page = parsed(text)

    assert "default-src 'none'; style-src 'unsafe-inline'" in text
    assert not page.tags & {"script", "img", "link", "iframe", "object", "base"}
    assert not page.attributes & {"src", "href", "style", "onclick", "onerror"}


def test_no_value_of_the_page_s_template_is_excused_from_escaping():
    source = files("softprompt_templates").joinpath("preview.html.j2").read_text("utf-8")

    assert re.findall(r"\|\s*safe|autoescape\s+false|Markup|<[^>]*=\s*\{\{", source) == []


def test_the_names_of_specs_and_files_are_text_too():
    row = row_of(case("the"))
    preview = preview_of(replace(row, file="<b>.jsonl", task="a&b", reason="<i>"))

    page = parsed(joined(render(replace(preview, spec="</title><script>"))))

    assert not page.tags & {"b", "i", "script"}


def test_a_page_without_rows_says_so():
    assert "There are no rows." in joined(render(preview_of()))


def test_a_prompt_s_page_has_no_legend_of_the_loss():
    row = row_of(case("the"))

    assert "counts in the loss</li>" in joined(render(preview_of(row)))
    assert "counts in the loss</li>" not in joined(render(preview_of(row, split=Split.TEST)))


@pytest.mark.slow
@pytest.mark.skipif(
    browser.BROWSER is None or browser.DRIVER is None, reason="there is no chromium"
)
def test_a_real_browser_shows_the_page(tmp_path: Path):
    faulty = replace(
        row_of(case("the")), status=RowStatus.FAULTY, reason="<b>no text</b>", pieces=()
    )
    path = tmp_path / "preview.html"
    path.write_text(joined(render(preview_of(row_of(hostile_case()), faulty))), "ascii")
    with browser.browser(tmp_path / "profile") as driver:
        driver.get(path.as_uri())
        _check_words(driver)
        light = _check_styles(driver)
        browser.prefer_dark(driver)
        assert _check_styles(driver) != light
        for width in (380, 1200):
            browser.resize(driver, width)
            size: Any = driver.execute_script(
                "return [document.documentElement.scrollWidth, window.innerWidth]"
            )
            assert size == [width, width]
        assert driver.get_log("browser") == []  # no error, nothing refused by the policy


def _check_words(driver: browser.Chrome) -> None:
    assert driver.title == "train rows of spec.yaml - softprompt preview"
    (row,) = driver.find_elements(By.CSS_SELECTOR, ".row")
    assert SHOWN in row.text
    assert row.text.startswith("\u27e6BOS <|endoftext|>\u27e7\u27e6squad 0-2\u27e7")
    assert row.text.splitlines()[-1] == "Answer: <b>yes</b>\u27e6EOS <|endoftext|>\u27e7"
    (lost,) = row.find_elements(By.TAG_NAME, "del")
    assert lost.text == " the the\u2423"
    assert "faulty: <b>no text</b>" in driver.find_element(By.TAG_NAME, "main").text
    assert driver.find_elements(By.CSS_SELECTOR, "script, img, b") == []


def _check_styles(driver: browser.Chrome) -> str:
    """What is told by looks is there; the color of the page."""
    row = driver.find_element(By.CSS_SELECTOR, ".row")
    lost = row.find_element(By.TAG_NAME, "del")
    assert "line-through" in lost.value_of_css_property("text-decoration-line")
    counted = row.find_elements(By.TAG_NAME, "mark")
    assert "".join(each.get_property("textContent") for each in counted) == " <b>yes</b>"  # type: ignore[misc]
    plain = row.find_element(By.CSS_SELECTOR, "span.token")
    for each in counted:
        assert each.value_of_css_property("border-bottom-width") == "2px"
        assert each.value_of_css_property("background-color") != plain.value_of_css_property(
            "background-color"
        )
        assert (each.get_attribute("title") or "").endswith("counts in the loss")
    tokens = row.find_elements(By.CSS_SELECTOR, ".token")
    classes = [token.get_attribute("class") for token in tokens]
    assert all(one != following for one, following in pairwise(classes))
    return driver.find_element(By.TAG_NAME, "body").value_of_css_property("background-color")
