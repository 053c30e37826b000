"""What a spec should not hold is found, and no output repeats it."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from softprompt_compiler.diagnostic import Diagnostic
from softprompt_compiler.render import github, gitlab, human, junit, sarif, step_summary
from softprompt_compiler.render import json as json_form
from softprompt_compiler.render.report import Report
from softprompt_compiler.secrets import masked, secrets_in
from tests.compiler.specs import check, seen, spec

_BODY = "AbCd0123EfGh4567IjKl89MnOpQrStUvWxYz"
TOKENS = (
    f"hf_{_BODY}",
    f"sk-{_BODY}",
    f"sk-proj-{_BODY}",
    "AKIA0123456789ABCDEF",
    f"ghp_{_BODY}",
    f"github_pat_{_BODY}",
    f"glpat-{_BODY}",
    f"xoxb-{_BODY}",
    "AIza" + _BODY[:35],
)


def _outputs(found: list[Diagnostic]) -> list[str]:
    report = Report.of("spec.yaml", found)
    shown = "".join(human.render_diagnostic(each, human.Style()) for each in found)
    here = Path("/here")
    return [
        shown,
        "".join(json_form.render([report])),
        github.render([report]),
        json.dumps(json.loads(sarif.render([report], here))["runs"][0]["results"]),  # no pages
        gitlab.render([report], here),
        junit.render([report], strict=True),
        step_summary.render([report], strict=True),
    ]


@pytest.mark.parametrize("token", TOKENS)
@pytest.mark.parametrize(
    "line",
    [
        "launch: {environment: {ANY: TOKEN}}",
        "launch: {setup: ['login --with TOKEN']}",
        "# the token is TOKEN",
        "inference: {greedy: TOKEN}",  # a message that shows the value
        "TOKEN: 1",
        "launch: {target: TOKEN}",
    ],
)
def test_a_token_is_found_wherever_it_stands_and_never_shown(
    world_folder: Path, token: str, line: str
) -> None:
    found = list(check(spec(line.replace("TOKEN", token) + "\n"), world_folder).diagnostics)

    assert ("SP0131", token) in seen(found)
    for output in _outputs(found):
        assert token[4:] not in output
        assert token[8:20] not in output


def test_a_token_of_a_setting_is_found(world_folder: Path) -> None:
    setting = f"launch.environment.ANY={TOKENS[0]}"

    (found,) = check(spec(), world_folder, settings=[setting]).diagnostics

    assert (found.code, found.span.text) == ("SP0131", TOKENS[0])


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ('launch: {environment: {WANDB_API_KEY: "0123456789"}}', "WANDB_API_KEY"),
        ("launch: {environment: {DB_PASSWORD: correct horse}}", "DB_PASSWORD"),
        ("launch: {setup: [export HF_TOKEN=0123456789]}", "HF_TOKEN"),
    ],
)
def test_a_secret_is_known_by_its_name(world_folder: Path, line: str, name: str) -> None:
    found = list(check(spec(line + "\n"), world_folder).diagnostics)

    assert seen(found) == [("SP0132", name)]
    for output in _outputs(found):
        assert "0123456789" not in output
        assert "correct" not in output


@pytest.mark.parametrize(
    "line",
    [
        "launch: {environment: {TOKENIZERS_PARALLELISM: 'false', KEYBOARD: de}}",
        "launch: {environment: {SSH_KEY: /root/.ssh/id_rsa, HF_TOKEN: ''}}",
        "launch: {setup: ['export HF_TOKEN=$(cat ~/.token)', 'export A_KEY=\"$B\"']}",
        "launch: {setup: [source ask-for-nothing-special-here.sh]}",
    ],
)
def test_what_leads_to_a_secret_or_is_none_is_let_pass(world_folder: Path, line: str) -> None:
    assert list(check(spec(line + "\n"), world_folder).diagnostics) == []


@given(st.text(), st.sampled_from(TOKENS), st.text())
def test_a_masked_text_is_as_long_and_holds_no_token(before: str, token: str, after: str) -> None:
    text = f"{before} {token} {after}"
    hidden = masked(text)

    assert len(hidden) == len(text)
    assert not any(text[each.start + 4 : each.end] in hidden for each in secrets_in(text))


def test_json_stays_json(world_folder: Path) -> None:
    found = list(check(spec(f"# {TOKENS[0]}\n"), world_folder).diagnostics)

    assert json.loads("".join(json_form.render([Report.of("spec.yaml", found)])))


def test_a_password_in_a_url_is_a_secret_and_a_variable_in_one_is_not(world_folder: Path) -> None:
    line = "launch: {environment: {PROXY: 'https://user:hunter2@host:80/a'}}\n"
    (found,) = check(spec(line), world_folder).diagnostics

    assert (found.code, found.span.text) == ("SP0131", "https://user:hunter2@")
    assert not any("hunter2" in output for output in _outputs([found]))
    assert not list(secrets_in("https://user:${WORD}@host/ and http://host:80/a@b, s3://a/b:c"))
