"""What decides a training's result: two runs that agree in it may continue each other."""

from collections.abc import Mapping

from softprompt_plan.identity import identity_values
from softprompt_plan.plan import Plan


def identity_of(
    plan: Plan, *, base_model: str, train_rows: str, validation_rows: str
) -> dict[str, str]:
    """Every value that decides the result, under its name in the spec, as JSON text.

    base_model: its fingerprint. train_rows, validation_rows: digests of the tokenized rows.
    """
    contents = {
        "the base model's weights": base_model,
        "the training rows": train_rows,
        "the validation rows": validation_rows,
    }
    return {**identity_values(plan), **contents}


def differences(before: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    """One short sentence for each value that differs."""
    return [
        _difference(key, before.get(key), now.get(key))
        for key in sorted({*before, *now})
        if before.get(key) != now.get(key)
    ]


def _difference(key: str, before: str | None, now: str | None) -> str:
    if key.startswith("the "):
        return f"{key} have changed" if key.endswith("s") else f"{key} has changed"
    return f"{key} was {_shown(before)} and is {_shown(now)}"


def _shown(value: str | None) -> str:
    if value is None:
        return "not there"
    return value if len(value) <= 60 else value[:57] + "..."
