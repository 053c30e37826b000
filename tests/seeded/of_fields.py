"""SP01xx: mistakes in one field."""

from hypothesis import strategies as st

from tests.field_mistakes import MISTAKES, Mistake
from tests.seeded.draft import TEMPLATE, Draft, seeded


def _enter(mistake: Mistake) -> None:
    @seeded(mistake.code)
    def damage(draft: Draft) -> None:
        if mistake.path == ("launch",):
            draft.layout()  # of one machine, which every target takes
        draft.spec, path = mistake.damage(draft.spec)
        draft.mark(*path, key=mistake.at_key)


for _mistake in MISTAKES:
    _enter(_mistake)


@seeded("SP0111")
def boolean_word(draft: Draft) -> None:
    word = draft.draw(st.sampled_from(["yes", "no", "on", "off", "Yes", "y"]))
    draft.wrong_plain(word, "inference", "add_bos")


@seeded("SP0112")
def number_form(draft: Draft) -> None:
    number = draft.draw(st.sampled_from(["1_000", "12:30", "1_0", "2_000_000"]))
    draft.wrong_plain(number, "inference", "batch_size")


@seeded("SP0113")
def null_word(draft: Draft) -> None:
    draft.wrong_plain(draft.draw(st.sampled_from(["None", "none"])), "parallelism", "gpu")


@seeded("SP0114")
def other_base(draft: Draft) -> None:
    draft.wrong_plain(draft.draw(st.sampled_from(["010", "0o10", "0x1F"])), "inference", "seed")


@seeded("SP0115")
def unread_escape(draft: Draft) -> None:
    path = (*draft.plain_task(), "prompt_template")
    draft.wrong_plain(f"'{TEMPLATE}\\n.'", *path)
    draft.mark(*path, part="\\n")


@seeded("SP0131")
def secret(draft: Draft) -> None:
    body = draft.draw(st.text("abcXYZ019", min_size=30, max_size=40))
    token = draft.draw(st.sampled_from(["hf_", "sk-", "ghp_"])) + body
    draft.line(f"# {token}\n", token)


@seeded("SP0132")
def named_secret(draft: Draft) -> None:
    name = draft.draw(st.sampled_from(["HF_TOKEN", "DB_PASSWORD", "X_KEY"]))
    draft.wrong("hunter2", "launch", "environment", name, key=True)


_TEMPLATES = (
    ("SP0120", "<|VIRTUAL_PROMPT_0|>{text mood:", "{"),
    ("SP0121", "<|VIRTUAL_PROMPT_0|>{text}} mood", "}"),
    ("SP0122", "<|VIRTUAL_PROMPT_0|>{ text }", "{ text }"),
    ("SP0123", "<|VIRTUAL_PROMPT_0|>{text}<|VIRTUAL_PROMPT_x|>", "<|VIRTUAL_PROMPT_x|>"),
    ("SP0125", "<|VIRTUAL_PROMPT_0|>{text}<|VIRTUAL_PROMPT_0|>", "<|VIRTUAL_PROMPT_0|>"),
    ("SP0126", "<|VIRTUAL_PROMPT_1|>{text}", "<|VIRTUAL_PROMPT_1|>"),
)


def _enter_template(code: str, template: str, part: str) -> None:
    @seeded(code)
    def damage(draft: Draft) -> None:
        path = draft.plain_task(template)
        draft.mark(*path, "prompt_template", part=part, last=True)


for _code, _template, _part in _TEMPLATES:
    _enter_template(_code, _template, _part)


@seeded("SP0124")
def no_marker(draft: Draft) -> None:
    path = draft.plain_task("{text} mood:{mood}")
    draft.mark(*path, "prompt_template", part="{text} mood:{mood}")


@seeded("SP0127")
def hub_data_form(draft: Draft) -> None:
    path = draft.plain_task()
    draft.wrong("hf:mood_set[", *path, "data", "train")
    draft.mark(*path, "data", "train", part="[")
