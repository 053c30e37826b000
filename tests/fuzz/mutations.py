"""Damage done to the text of a spec: what people, editors and disks do to one, and worse.

A mutation is a pure function of a text and a random state. Those of bytes come last.
"""

import random
import re
from collections.abc import Callable, Sequence

Mutation = Callable[[str, random.Random], str]

_KEY = re.compile(r"(?m)(?<![\w\"'])[A-Za-z_]\w*(?=\s*:(?:\s|$))")
_VALUE = re.compile(r"(?m)(?<=: )[^\s,{}\[\]#][^,\n{}\[\]#]*")
_SCALARS = (
    "", "null", "~", "true", "no", "None", "0", "-1", "1e-4", "1e999", "-.inf", ".nan", "010", "0x1F",
    "1_000", "1:30", "9" * 400, "1" + "0" * 5000, "0.1", "2026-01-01", "[]", "{}", "[[[]]]", "{a: {b: c}}",
    "*x", "&x y", "!!python/object:os.system x", "!!int 3", "|", ">-", "? x", "- x", "'", '"', "''",
    "'it''s'", '"\\ud800"', '"\\x00"', '"\\u202e"', "%YAML 1.1", "---", "...", "#", ": ", "{{", "}}", "{text}",
    "{text", "text}", "<|VIRTUAL_PROMPT_0|>", "<|VIRTUAL_PROMPT_99999999999|>", "<|VIRTUAL_PROMPT_", "{mood!r:>10}",
    "${HOME}", "${", "${X:-y}", "~nobody/x", "/", "..", "data", "*.jsonl", "hf:x[train]", "hf:./mood_set[train]",
    "hf:./mood_set[train:3%]", "package:json/x.gguf", "models/tiny", "models/opt", "x" * 3000, "\u00e9" * 40,
    "\U0001f600", "\u202e", "\ufeff", "\x85", "\u2028", "\x7f", "\x07", "\x1b[31m", "`rm -rf /`", "$(id)", "\\", "\t",
    "p-tuning", "prompt-tuning", "lstm", "embedding", "text", "class_labels", "prompt", "cosine_annealing", "slurm",
    "bf16-mixed", "16-mixed", "float16", "cpu", "gpu", "must", "skip", "middle", "left", "accuracy", "slot_f1",
)  # fmt: skip
_INSERTS = (
    " ", "\t", "\n", "\r", "\r\n", ":", ": ", "- ", "#", ",", "{", "}", "[", "]", "'", '"', "|", ">", "&", "*", "!",
    "%", "@", "`", "?", "\\", "\0", "\ufeff", "\u00a0", "\u2028", "\x85", "\ud800", "\U0001f600", "\u0301", "\u202e",
)  # fmt: skip


def swap_keys(text: str, draw: random.Random) -> str:
    """Two keys change places."""
    found = list(_KEY.finditer(text))
    if len(found) < 2:
        return text
    first, second = sorted(draw.sample(found, 2), key=lambda match: match.start())
    between = text[first.end() : second.start()]
    return text[: first.start()] + second[0] + between + first[0] + text[second.end() :]


def misspell_key(text: str, draw: random.Random) -> str:
    """A key loses, doubles or swaps a letter."""
    match = _one(_KEY, text, draw)
    if match is None:
        return text
    key, at = match[0], draw.randrange(len(match[0]))
    wrong = draw.choice((key[:at] + key[at + 1 :], key[:at] + key[at] + key[at:], key.upper()))
    return text[: match.start()] + wrong + text[match.end() :]


def replace_value(text: str, draw: random.Random) -> str:
    """A value becomes one of another type, or of none."""
    match = _one(_VALUE, text, draw)
    if match is None:
        return text
    return text[: match.start()] + draw.choice(_SCALARS) + text[match.end() :]


def quote_value(text: str, draw: random.Random) -> str:
    """Quotes are put around a value, or taken off, or only one of them."""
    match = _one(_VALUE, text, draw)
    if match is None:
        return text
    value, quote = match[0].strip(), draw.choice("'\"")
    bare = value.strip("'\"")
    changed = draw.choice((bare, f"{quote}{bare}{quote}", quote + bare, bare + quote))
    return text[: match.start()] + changed + text[match.end() :]


def indent_lines(text: str, draw: random.Random) -> str:
    """Some lines slip to the right, by spaces or by a tab."""
    lines = text.splitlines(keepends=True)
    start, end = _range(lines, draw)
    by = draw.choice((" ", "  ", "\t", "   ", "-", "- "))
    moved = [by + line for line in lines[start:end]]
    return "".join([*lines[:start], *moved, *lines[end:]])


def dedent_lines(text: str, draw: random.Random) -> str:
    """Some lines slip to the left."""
    lines = text.splitlines(keepends=True)
    start, end = _range(lines, draw)
    count = draw.randint(1, 4)
    moved = [line[min(count, len(line) - len(line.lstrip(" "))) :] for line in lines[start:end]]
    return "".join([*lines[:start], *moved, *lines[end:]])


def duplicate_lines(text: str, draw: random.Random) -> str:
    """A block stands twice, or up to 200 times."""
    lines = text.splitlines(keepends=True)
    start, end = _range(lines, draw)
    times = draw.choice((2, 2, 3, 200))
    return "".join([*lines[:start], *(lines[start:end] * times), *lines[end:]])


def delete_lines(text: str, draw: random.Random) -> str:
    """A block is gone."""
    lines = text.splitlines(keepends=True)
    start, end = _range(lines, draw)
    return "".join(lines[:start] + lines[end:])


def move_lines(text: str, draw: random.Random) -> str:
    """A block stands elsewhere."""
    lines = text.splitlines(keepends=True)
    start, end = _range(lines, draw)
    rest = lines[:start] + lines[end:]
    to = draw.randint(0, len(rest))
    return "".join([*rest[:to], *lines[start:end], *rest[to:]])


def truncate(text: str, draw: random.Random) -> str:
    """The end is missing."""
    return text[: draw.randint(0, len(text))]


def nest_deeply(text: str, draw: random.Random) -> str:
    """A value becomes a deep one."""
    depth = draw.choice((3, 40, 400, 5000))
    opened, closed = draw.choice((("[", "]"), ("{a: ", "}"), ("[", ""), ("{", ""), ("- ", "")))
    deep = opened * depth + closed * depth
    match = _one(_VALUE, text, draw)
    start, end = match.span() if match else (len(text), len(text))
    return text[:start] + deep + text[end:]


def insert_text(text: str, draw: random.Random) -> str:
    """Some characters that mean something, or should not be there."""
    for _ in range(draw.choice((1, 1, 1, 2, 5))):
        at = draw.randint(0, len(text))
        text = text[:at] + draw.choice(_INSERTS) + text[at:]
    return text


def insert_unicode(text: str, draw: random.Random) -> str:
    """Any characters at all."""
    at = draw.randint(0, len(text))
    return text[:at] + "".join(chr(draw.randrange(0x110000)) for _ in range(3)) + text[at:]


def delete_text(text: str, draw: random.Random) -> str:
    """Some characters are gone."""
    at = draw.randint(0, len(text))
    return text[:at] + text[at + draw.choice((1, 1, 2, 10)) :]


def replace_line_ends(text: str, draw: random.Random) -> str:
    """Line ends of another system, or of none."""
    return text.replace("\n", draw.choice(("\r\n", "\r", "\n\n", "\x85", "\u2028", "\n\r")))


ON_TEXT: tuple[Mutation, ...] = (
    swap_keys,
    misspell_key,
    replace_value,
    replace_value,
    replace_value,
    quote_value,
    indent_lines,
    dedent_lines,
    duplicate_lines,
    delete_lines,
    move_lines,
    truncate,
    nest_deeply,
    insert_text,
    insert_text,
    insert_unicode,
    delete_text,
    replace_line_ends,
)


def splice(text: str, other: str, draw: random.Random) -> str:
    """Lines of another spec stand in this one."""
    lines, others = text.splitlines(keepends=True), other.splitlines(keepends=True)
    start, end = _range(others, draw)
    to = draw.randint(0, len(lines))
    return "".join([*lines[:to], *others[start:end], *lines[to:]])


def damage_bytes(data: bytes, draw: random.Random) -> bytes:
    """Bytes are changed, lost, doubled or cut off."""
    damaged = bytearray(data)
    for _ in range(draw.choice((1, 2, 8))):
        at = draw.randrange(len(damaged) + 1)
        match draw.randrange(4):
            case 0:
                damaged[at : at + 1] = bytes([draw.randrange(256)])
            case 1:
                del damaged[at : at + draw.choice((1, 4))]
            case 2:
                damaged[at:at] = damaged[at : at + 16]
            case _:
                damaged[at:at] = draw.randbytes(draw.choice((1, 4)))
    return bytes(damaged)


def mutated(seeds: Sequence[str], draw: random.Random) -> bytes:
    """One damaged spec."""
    text = draw.choice(seeds)
    for _ in range(draw.choice((1, 1, 1, 2, 2, 3, 6))):
        if draw.random() < 0.08:
            text = splice(text, draw.choice(seeds), draw)
        else:
            text = draw.choice(ON_TEXT)(text, draw)
    data = text.encode("utf-8", "surrogatepass")
    return damage_bytes(data, draw) if draw.random() < 0.12 else data


def _one(pattern: re.Pattern[str], text: str, draw: random.Random) -> re.Match[str] | None:
    found = list(pattern.finditer(text))
    return draw.choice(found) if found else None


def _range(lines: Sequence[str], draw: random.Random) -> tuple[int, int]:
    if not lines:
        return 0, 0
    start = draw.randrange(len(lines))
    return start, min(len(lines), start + draw.choice((1, 1, 2, 4)))
