"""SP00xx: mistakes of the text. Each ends its reading, or stands on a line of its own."""

from hypothesis import strategies as st

from tests.seeded.draft import SEEDED, Draft, seeded
from tests.spec_strategies import as_yaml

_LONG_KEY = " ".join(["key"] * 260)
# code -> a line that follows the spec, and the part of it that is wrong
_LINES = {
    "SP0009": ("extra: *a\n", "*a"),
    "SP0010": ("<<: {a: 1}\n", "<<"),
    "SP0015": ("extra: " + "[" * 49 + "{\n", "{"),
    "SP0020": ("extra:\n\ta: 1\n", "\t"),
    "SP0021": ("extra: a: b\n", ":"),
    "SP0022": ("extra:1\n", "extra:"),
    "SP0023": ("extra = 1\n", "extra = 1"),
    "SP0024": ("extra:\n    a: 1\n  b: 2\n", "b: 2"),
    "SP0025": ("extra: [1, 2\nmore: 1\n", "["),
    "SP0026": ("extra: 'abc\n", "'"),
    "SP0027": ("extra: {a: 1} b\n", "b"),
    "SP0028": ("extra: *.jsonl\n", "*"),
    "SP0029": ('extra: "a\\db"\n', "\\d"),
    "SP0030": ('extra: ["a" 17]\n', "1"),
    "SP0031": ("extra: - a\n", "-"),
    "SP0032": ("extra: [1,, 2]\n", ","),
    "SP0033": ('extra: "\\ud83d"\n', "\\ud83d"),
    "SP0054": ("# softprompt: ignore SP0251, for now\n", "# softprompt: ignore SP0251, for now"),
}


def _enter(code: str, line: str, part: str) -> None:
    @seeded(code)
    def damage(draft: Draft) -> None:
        draft.line(line, part)


for _code, (_line, _part) in _LINES.items():
    _enter(_code, _line, _part)
assert set(_LINES) <= set(SEEDED)


@seeded("SP0002")
def not_utf_8(draft: Draft) -> None:
    before = as_yaml(draft.spec) + "# caf"
    draft.raw = before.encode() + b"\xe9\n"
    draft.text, draft.part = before + "\ufffd\n", "\ufffd"


@seeded("SP0003")
def too_large(draft: Draft) -> None:
    draft.text = as_yaml(draft.spec) + "# row\n" * draft.draw(st.integers(30_000, 200_000))
    draft.part = ""


@seeded("SP0004")
def control_character(draft: Draft) -> None:
    draft.line(f"# {chr(draft.draw(st.integers(1, 8)))}\n", "")
    assert draft.text is not None
    draft.part = draft.text[-2]


@seeded("SP0005")
def nothing(draft: Draft) -> None:
    draft.text = draft.draw(st.sampled_from(["", "\n\n", "# no spec\n", "---\n"]))


@seeded("SP0006")
def a_list(draft: Draft) -> None:
    draft.text = draft.part = "- version: 1"


@seeded("SP0007")
def twice(draft: Draft) -> None:
    draft.line("version: 1\n", "version")


@seeded("SP0008")
def anchor(draft: Draft) -> None:
    draft.wrong_plain("&a mood", "name")
    draft.text, draft.part = draft.yaml(), "&a"


@seeded("SP0016")
def key_too_long(draft: Draft) -> None:
    draft.text, draft.part = f"{_LONG_KEY}: 1\n" + as_yaml(draft.spec), _LONG_KEY


@seeded("SP0011")
def tag(draft: Draft) -> None:
    draft.wrong_plain("!!str mood", "name")
    draft.text, draft.part = draft.yaml(), "!!str"


@seeded("SP0012")
def directive(draft: Draft) -> None:
    draft.text, draft.part = "%YAML 1.2\n---\n" + as_yaml(draft.spec), "%"


@seeded("SP0013")
def documents(draft: Draft) -> None:
    draft.line("---\nversion: 1\n", "---")


@seeded("SP0014")
def key_not_text(draft: Draft) -> None:
    number = str(draft.draw(st.integers(10**30, 10**31)))  # no other text of the spec
    draft.spec["tasks"] = {number: draft.spec["tasks"].pop(draft.task), **draft.spec["tasks"]}
    draft.text = as_yaml(draft.spec).replace(f'"{number}":', f"{number}:", 1)
    draft.part = number


@seeded("SP0034")
def number_too_long(draft: Draft) -> None:
    draft.wrong(10**500, "inference", "seed")


@seeded("SP0040")
def setting_form(draft: Draft) -> None:
    draft.settings = ["training.max_epochs"]
    draft.part = draft.settings[0]


@seeded("SP0041")
def setting_inside_value(draft: Draft) -> None:
    draft.settings, draft.part = ["name.first=1"], "first"


@seeded("SP0041")
def setting_of_no_task(draft: Draft) -> None:
    draft.settings, draft.part = ["tasks.no-such-task.weight=2"], "no-such-task"


@seeded("SP0050")
def ignored_error(draft: Draft) -> None:
    draft.line("# softprompt: ignore[SP0242] we know\n", "SP0242")


@seeded("SP0051")
def ignored_nothing(draft: Draft) -> None:
    draft.line("# softprompt: ignore[SP0251] we know\n", "SP0251")


@seeded("SP0052")
def ignored_no_code(draft: Draft) -> None:
    draft.line("# softprompt: ignore[SP0999] we know\n", "SP0999")


@seeded("SP0053")
def ignored_without_reason(draft: Draft) -> None:
    draft.learning(init={"method": "random"})
    text = as_yaml(draft.spec)
    line = next(each for each in text.split("\n") if '"random"' in each)
    draft.part = "# softprompt: ignore[SP0251]"
    draft.text = text.replace(line, f"{line}  {draft.part}", 1)
