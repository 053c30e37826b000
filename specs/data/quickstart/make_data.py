"""Write train.jsonl, validation.jsonl and test.jsonl from phrasings.txt and the word lists below.

Same seed, same bytes: `python specs/data/quickstart/make_data.py` rewrites the files in place.
"""

import json
import random
import re
from collections.abc import Iterator
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
SEED = 20
ROWS_PER_DESK = {"train": 96, "validation": 10, "test": 17}

# What a {slot} may become: in train and validation rows, and in test rows.
WORDS = {
    "item": (
        ["helmet", "child seat", "pannier", "bike lock", "trailer", "floor pump", "frame bag"],
        ["backpack", "front light", "bike basket", "phone holder", "rear-view mirror"],
    ),
    "wear": (
        ["helmet", "rain jacket", "cycling jersey", "winter coat", "thermal vest"],
        ["cycling cap", "backpack", "base layer"],
    ),
    "part": (
        ["saddle", "chain", "front wheel", "brake lever", "seat post", "derailleur", "pedal"],
        ["cassette", "handlebar", "crank", "rear hub"],
    ),
    "bike": (
        ["touring bike", "e-bike", "folding bike", "mountain bike", "city bike", "cargo bike"],
        ["road bike", "gravel bike", "tandem"],
    ),
    "place": (
        ["Leeds", "Bristol", "Cork", "Ghent", "Malmo", "Aberdeen", "Galway"],
        ["Cardiff", "Utrecht", "Norwich"],
    ),
    "when": (
        ["on Monday", "on Friday", "last week", "two days ago", "yesterday", "in March"],
        ["on Tuesday", "last month", "a week ago", "at the weekend"],
    ),
    "since": (["Monday", "last week", "yesterday", "March"], ["Tuesday", "last month", "May"]),
    "day": (
        ["on Monday", "next week", "tomorrow", "on the 12th", "this Friday"],
        ["on Tuesday", "at the weekend", "on the 3rd"],
    ),
}
OPENINGS = ["", "", "", "Hi, ", "Hello, ", "Good morning, ", "Hi there, ", "Hey, "]
CLOSINGS = ["", "", "", " Thanks!", " Thank you.", " Best, {name}", " Yours, {name}"]
NAMES = ["Ada", "Tom", "Ines", "Omar", "Freya", "Lukas", "Mei", "Priya", "Joan", "Sam"]


def read_phrasings() -> dict[str, dict[str, list[str]]]:
    """Split -> desk -> phrasings, as phrasings.txt lists them."""
    phrasings: dict[str, dict[str, list[str]]] = {split: {} for split in ROWS_PER_DESK}
    desk = ""
    for line in (FOLDER / "phrasings.txt").read_text("utf-8").splitlines():
        if heading := re.match(r"\[(\w+)\]", line):
            desk = heading[1]
        elif line and not line.startswith("#"):
            split, phrasing = line.split(": ", 1)
            phrasings[split].setdefault(desk, []).append(phrasing)
    return phrasings


def fill(phrasing: str, split: str, dice: random.Random) -> str:
    """The phrasing with each {slot} filled, and `a` made `an` where the word wants it."""

    def value(slot: re.Match[str]) -> str:
        article, name = slot[1] or "", slot[2]
        if name == "order":
            return article + str(dice.randrange(1000, 9999))
        if name == "amount":
            return f"{article}{dice.randrange(9, 190)} euros"
        word = dice.choice(NAMES if name == "name" else WORDS[name][split == "test"])
        return ("an " if article == "a " and word[0] in "aeiou" else article) + word

    return re.sub(r"(\ba )?\{(\w+)\}", value, phrasing)


def message(phrasing: str, split: str, dice: random.Random) -> str:
    """One customer's message: perhaps an opening, the phrasing, perhaps a closing."""
    opening, closing = dice.choice(OPENINGS), dice.choice(CLOSINGS)
    text = fill(phrasing, split, dice)
    if not opening and dice.random() < 0.8:  # some people never use capitals
        text = text[0].upper() + text[1:]
    if not text.endswith("?"):
        text += dice.choice(".!" if closing else ["", ".", "!"])
    return fill(opening + text + closing, split, dice)


def rows(split: str, dice: random.Random) -> Iterator[dict[str, str]]:
    """The rows of a split, shuffled: each phrasing in turn, no message twice in whatever case."""
    made: dict[str, tuple[str, str]] = {}
    for desk, phrasings in read_phrasings()[split].items():
        wanted = len(made) + ROWS_PER_DESK[split]
        turn = 0
        while len(made) < wanted:
            text = message(phrasings[turn % len(phrasings)], split, dice)
            made.setdefault(text.lower(), (text, desk))
            turn += 1
    shuffled = list(made.values())
    dice.shuffle(shuffled)
    for text, desk in shuffled:
        yield {"taskname": "desk", "message": text, "desk": f" {desk}"}


def texts() -> dict[str, str]:
    """File name -> content."""
    dice = random.Random(SEED)  # noqa: S311 - data, not a secret
    return {
        f"{split}.jsonl": "".join(json.dumps(row) + "\n" for row in rows(split, dice))
        for split in ROWS_PER_DESK
    }


def main() -> None:
    """Write the three files."""
    for name, text in texts().items():
        (FOLDER / name).write_text(text, "utf-8", newline="\n")


if __name__ == "__main__":
    main()
