"""Every rule, declared once. No message text lives anywhere else.

Users cite a rule by its code, and its page is `explanations/CODE.md`.
"""

from types import ModuleType

from softprompt_compiler.catalogue import bug, cross, field, launch, lock, model_files, text, world
from softprompt_compiler.catalogue.rule import Rule


def _rules_of(module: ModuleType) -> list[Rule]:
    return [value for value in vars(module).values() if isinstance(value, Rule)]


RULES: dict[str, Rule] = {
    rule.code: rule
    for module in (text, field, launch, cross, world, model_files, lock, bug)
    for rule in _rules_of(module)
}
