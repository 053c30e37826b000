"""`spec test`: its check list, its formats and its exit codes, beside a stand-in runtime."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from softprompt_compiler.cli import spec_test as command
from softprompt_compiler.render import check_list
from softprompt_compiler.spec_test import harness, row_checks, runtime_half, same_bytes
from softprompt_compiler.spec_test.check import CHECKS, COMPILER_CHECKS, RUNTIME_CHECKS
from softprompt_plan.row_laws import ROW_LAWS
from softprompt_plan.tokenization import Encoding, PieceEncoding, Tokenizer
from tests.compiler.command_line import SPEC, Outcome, call
from tests.compiler.page_world import make_world

WRONG = SPEC.replace("max_steps: 2", "max_step: 2")
FEW = ("--examples", "6")
LAWS_ONLY = ("--only", "row-*", *FEW)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    world = tmp_path / "world"
    make_world(world)
    (world / "spec.yaml").write_text(SPEC, "utf-8")
    (world / "wrong.yaml").write_text(WRONG, "utf-8")
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    monkeypatch.chdir(world)
    for name in ("GITHUB_ACTIONS", "GITHUB_STEP_SUMMARY", "SOFTPROMPT_RUNS", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HYPOTHESIS_STORAGE_DIRECTORY", "")  # so that what the command sets goes
    monkeypatch.setattr(command.signal, "signal", lambda *_: None)  # type: ignore[misc]
    return world


def files_of(folder: Path) -> set[Path]:
    return set(folder.rglob("*"))


class FollowedTokenizer:
    """A tokenizer in which a text's last id depends on what follows it, and that denies it.

    `a` before `b` is another token than `a` before anything else.
    """

    def __init__(self, honest: Tokenizer) -> None:
        self._honest = honest
        self.bos_id, self.eos_id = honest.bos_id, honest.eos_id

    def encode_batch(self, texts: Sequence[str]) -> Sequence[Encoding]:
        return [self._twisted(encoding) for encoding in self._honest.encode_batch(texts)]

    def _twisted(self, encoding: Encoding) -> Encoding:
        ids = list(encoding.ids)
        colon, g = self._id(":"), self._id("g")
        twisted = [
            0 if (token, *ids[at + 1 : at + 2]) == (colon, g) else token
            for at, token in enumerate(ids)
        ]
        return PieceEncoding(twisted, encoding.offsets)

    def _id(self, letter: str) -> int:
        return self._honest.encode_batch([letter])[0].ids[0]

    def encode_continuation(self, text: str) -> list[int]:
        return self._honest.encode_continuation(text)

    def keeps_border(self, before: str, after: str, /) -> bool:
        return True

    def decode(self, ids: Sequence[int]) -> str:
        return self._honest.decode(ids)


@pytest.fixture
def twisted(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The base model's tokenizer is one that softprompt misreads."""
    load = harness.load_tokenizer

    def load_twisted(*arguments: Any) -> Any:
        tokenizer, found = load(*arguments)
        assert tokenizer is not None
        return FollowedTokenizer(tokenizer), found

    monkeypatch.setattr(harness, "load_tokenizer", load_twisted)
    return folder


def stand_in(monkeypatch: pytest.MonkeyPatch, program: str) -> None:
    """A program in place of the runtime's half; it finds the checks' names in `names`."""

    def line(_plan: Path, _spec: Path, _folder: Path, names: Sequence[str]) -> list[str]:
        head = f"import json, os, signal, sys\nnames = {list(names)!r}\n"
        head += (
            "def say(name, status, detail=''):\n"
            "    line = dict(name=name, status=status, detail=detail)\n"
            "    print(json.dumps(line), flush=True)\n"
        )
        return [sys.executable, "-c", head + program]

    monkeypatch.setattr(runtime_half, "command_line", line)
    monkeypatch.setattr(harness, "missing_packages", list)  # type: ignore[misc]


def runtime_only(capsys: pytest.CaptureFixture[str], *more: str) -> Outcome:
    only = [part for name in RUNTIME_CHECKS for part in ("--only", name)]
    return call(capsys, "test", "spec.yaml", *only, *more)


def test_the_compilers_checks_pass_for_a_sound_spec_and_leave_nothing(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = files_of(tmp_path)
    outcome = call(capsys, "test", "spec.yaml", "--compiler-only", *FEW)

    assert (outcome.code, outcome.err) == (0, "")
    lines = outcome.out.splitlines()
    assert [line.split()[1] for line in lines[:-1]] == list(COMPILER_CHECKS)
    assert all(line.startswith("\u2713 ") and " s" in line for line in lines[:-1])
    assert lines[-1].startswith(f"{len(COMPILER_CHECKS)} passed in ")
    assert files_of(tmp_path) == before


def test_a_spec_with_faults_shows_them_and_skips_the_rest(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    outcome = call(capsys, "test", "wrong.yaml")

    assert outcome.code == 1
    assert outcome.err.startswith("error[SP0101]: `max_step` is not a field of `training`\n")
    first, *rest = outcome.out.splitlines()
    assert first.startswith("\u2717 spec ")
    assert f"1 failed, {len(CHECKS) - 1} skipped in" in rest[-1]
    assert sum("skipped: the spec is not sound" in line for line in rest) == len(CHECKS) - 1


def test_a_spec_that_cannot_be_read_is_a_failed_check(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    outcome = call(capsys, "test", "none.yaml", "--only", "row-*")

    assert outcome.code == 1
    assert "SP0001" in outcome.err or "none.yaml" in outcome.err
    assert outcome.out.startswith("\u2717 spec ")


def test_checks_are_chosen_by_name_and_pattern(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ("--only", "row-le*", "--only", "row-l*", "--skip", "row-loss", *FEW)
    outcome = call(capsys, "test", "spec.yaml", *arguments)

    assert outcome.code == 0
    assert [line.split()[1] for line in outcome.out.splitlines()[:-1]] == ["row-length"]


def test_an_unknown_check_is_wrong_usage(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    unknown = call(capsys, "test", "spec.yaml", "--skip", "row-lenght")
    nothing = call(capsys, "test", "spec.yaml", "--only", "spec", "--skip", "spec")

    assert unknown.code == nothing.code == 2
    assert "no check is named row-lenght" in unknown.err
    assert "did you mean `row-length`?" in unknown.err
    assert "leave no check to run" in nothing.err


@pytest.mark.parametrize("only", ["row-prompt", "row-*"])
def test_a_tokenizer_that_is_misread_is_found_and_the_row_is_shrunk(
    only: str, twisted: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    outcome = call(capsys, "test", "spec.yaml", "--only", only, "--examples", "40")

    assert outcome.code == 1
    lines = outcome.out.splitlines()
    at = next(number for number, line in enumerate(lines) if "\u2717 row-prompt " in line)
    detail, row, limit, ids, whose = (line.strip() for line in lines[at + 1 : at + 6])
    assert detail.startswith("task mood: the row's first ")
    assert json.loads(row.removeprefix("row: ")) == {"text": "", "mood": "g"}
    assert limit.startswith("limit: ")
    assert ids.startswith(("ids: -1 -2 -3 -4 -5 ", "refused: "))
    assert "a bug of softprompt, or a tokenizer that it reads wrongly" in whose


def test_the_same_seed_tries_the_same_rows(
    twisted: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ("test", "spec.yaml", "--only", "row-prompt", "-o", "json", "--seed", "7")
    one, other = (json.loads(call(capsys, *arguments).out)["checks"] for _ in range(2))

    for checks in (one, other):
        checks[0].pop("seconds")
    assert one == other
    assert one[0]["status"] == "failed"


def test_an_encoder_that_raises_breaks_a_law(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(_: Any) -> None:
        raise IndexError("no such token")

    law = next(law for law in ROW_LAWS if law.name == "row-loss")
    raising = type(law)(name=law.name, statement=law.statement, check=fail)
    monkeypatch.setattr(row_checks, "ROW_LAWS", (raising,))
    outcome = call(capsys, "test", "spec.yaml", "--only", "row-loss", *FEW)

    assert outcome.code == 1
    assert "encoding raises IndexError: no such token" in outcome.out
    assert "Traceback" not in outcome.out + outcome.err


def test_bytes_that_differ_are_named(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def start(_name: str, _settings: Any, out: Path, hash_seed: str) -> "subprocess.Popen[bytes]":
        out.mkdir(parents=True)
        (out / "train.py").write_text(hash_seed, "utf-8")
        (out / "plan.json").write_text("{}", "utf-8")
        return subprocess.Popen(
            [sys.executable, "-c", ""], stdin=subprocess.PIPE, stderr=subprocess.PIPE
        )

    monkeypatch.setattr(same_bytes, "_start", start)
    outcome = call(capsys, "test", "spec.yaml", "--only", "same-bytes")

    assert outcome.code == 1
    assert "these differ: train.py\n" in outcome.out


def test_the_two_compilations_have_different_hash_seeds() -> None:
    assert len({*same_bytes._HASH_SEEDS}) == 2  # pyright: ignore[reportPrivateUsage]


def test_without_the_runtime_its_checks_are_skipped_and_the_exit_code_says_so(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(harness, "missing_packages", lambda: ["torch"])  # type: ignore[misc]
    outcome = runtime_only(capsys)
    spared = call(capsys, "test", "spec.yaml", "--compiler-only", "--only", "row-length", *FEW)

    assert (outcome.code, spared.code) == (1, 0)
    reason = "skipped: not installed: torch; "
    assert outcome.out.count(reason) == len(RUNTIME_CHECKS)
    assert "-m pip install 'softprompt[runtime]'" in outcome.out


def test_without_hypothesis_the_laws_are_skipped_and_the_exit_code_says_so(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(row_checks, "find_spec", lambda _name: None)  # type: ignore[misc]
    outcome = call(capsys, "test", "spec.yaml", *LAWS_ONLY)

    assert outcome.code == 1
    assert outcome.out.count("the package hypothesis is not installed: ") == len(ROW_LAWS)
    assert "-m pip install 'softprompt[runtime]'" in outcome.out


def test_the_runtimes_results_are_shown_as_it_tells_them(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    program = (
        "print('what libraries say', file=sys.stderr, flush=True)\n"
        "for name in names[:-2]: say(name, 'passed', 'well')\n"
        "say(names[-2], 'skipped', 'there are no test rows')\n"
        "say(names[-1], 'failed', 'prompt 0 differs')"
    )
    stand_in(monkeypatch, program)
    outcome = runtime_only(capsys)

    assert outcome.code == 1
    assert outcome.out.count("\u2713") == len(RUNTIME_CHECKS) - 2
    assert "skipped: there are no test rows" in outcome.out
    assert "    prompt 0 differs\n    what the runtime said: " in outcome.out
    log = outcome.out.split("what the runtime said: ")[1].splitlines()[0]
    assert Path(log).read_text("utf-8") == "what libraries say\n"


def test_a_skip_for_a_reason_of_the_spec_is_no_failure(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stand_in(monkeypatch, "for name in names: say(name, 'skipped', 'no such family')")
    assert runtime_only(capsys).code == 0


def test_a_runtime_that_dies_fails_the_checks_it_owes(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    program = (
        "say(names[0], 'passed')\n"
        "print('out of memory', file=sys.stderr, flush=True)\n"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    stand_in(monkeypatch, program)
    outcome = runtime_only(capsys)

    assert outcome.code == 1
    assert outcome.out.count("\u2713") == 1
    assert outcome.out.count("ended with code -9 before this check") == len(RUNTIME_CHECKS) - 1
    assert outcome.out.count("    out of memory\n") == 1


def test_the_runtime_gets_a_few_rows_in_files_of_their_own(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    seen: list[Any] = []
    write = harness.write_sample

    def watched(*arguments: Any) -> Path:
        path = write(*arguments)
        (task,) = json.loads(path.read_text("utf-8"))["tasks"]
        for split in ("train", "validation", "test"):
            (file,) = task["data"][split]
            seen.append([json.loads(line) for line in Path(file).read_text("utf-8").splitlines()])
        return path

    monkeypatch.setattr(harness, "write_sample", watched)
    stand_in(monkeypatch, "for name in names: say(name, 'passed')")
    outcome = runtime_only(capsys)

    assert outcome.code == 0
    train, validation, test = seen
    assert train[0] == {"c0": "What a day!", "c1": "glad"}
    assert (len(train), len(validation), len(test)) == (4, 2, 2)


def test_junit_is_one_suite_with_a_case_a_check(
    twisted: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stand_in(monkeypatch, "say(names[0], 'skipped', 'bad \\x1b sign \\ud83d <&>')")
    only = ("--only", "row-prompt", "--only", "row-special", "--only", "tiny-model")
    outcome = call(capsys, "test", "spec.yaml", *only, "-o", "junit", "--examples", "40")

    assert (outcome.code, outcome.err) == (1, "")
    root = ElementTree.fromstring(outcome.out)
    (suite,) = root
    assert (root.tag, suite.tag) == ("testsuites", "testsuite")
    counted = {name: suite.get(name) for name in ("tests", "failures", "errors", "skipped")}
    assert counted == {"tests": "3", "failures": "1", "errors": "0", "skipped": "1"}
    assert float(suite.get("time", "")) >= sum(float(case.get("time", "")) for case in suite) / 2
    prompt, special, tiny = suite
    assert [case.get("name") for case in suite] == ["row-prompt", "row-special", "tiny-model"]
    assert {case.get("classname") for case in suite} == {"spec.yaml"}
    assert [child.tag for child in prompt] == ["failure"]
    assert "row: " in (prompt[0].text or "")
    assert list(special) == []
    assert tiny[0].get("message") == "bad \u241b sign <U+D83D> <&>"


def test_github_gets_annotations_at_the_template_and_a_summary(
    twisted: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    summary = twisted / "summary.md"
    summary.write_text("before\n", "utf-8")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))
    only = ("--only", "row-prompt", "--only", "row-special")
    outcome = call(capsys, "test", "spec.yaml", *only, "-o", "github", "--examples", "40")

    (line,) = outcome.out.splitlines()
    assert outcome.code == 1
    assert line.startswith("::error file=spec.yaml,line=6,title=spec test%3A the prompt's ids")
    assert "%0Arow: {" in line
    text = summary.read_text("utf-8")
    assert text.startswith("before\n### spec test spec.yaml\n")
    assert "| \u274c | row-prompt | the prompt's ids begin the row's |" in text
    assert "| \u2705 | row-special |" in text
    assert "1 passed" not in outcome.out


def test_on_github_a_person_s_output_is_annotated_too(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    outcome = call(capsys, "test", "wrong.yaml")

    assert "\u2717 spec " in outcome.out
    assert "::error file=wrong.yaml,line=12," in outcome.out
    assert outcome.out.count("::error") == 1


def test_json_is_all_that_is_printed(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    outcome = call(capsys, "test", "wrong.yaml", "-o", "json")
    value = json.loads(outcome.out)

    assert (outcome.code, outcome.err) == (1, "")
    assert [check["name"] for check in value["checks"]] == list(CHECKS)
    assert value["checks"][0]["status"] == "failed"
    assert "SP0101" in value["checks"][0]["evidence"][0]


def test_a_terminal_without_the_signs_gets_words() -> None:
    for encoding in ("ascii", "latin-1", None, "no-such-encoding"):
        assert "".join(check_list.signs_for(encoding).values()).isascii()
    assert "\u2713" in check_list.signs_for("utf-8").values()
