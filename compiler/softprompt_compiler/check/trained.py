"""A spec that builds on a trained soft prompt."""

from collections.abc import Iterator

from softprompt_compiler.catalogue import world as rules
from softprompt_compiler.check.places import key_label
from softprompt_compiler.check.virtual_tokens import num_virtual_tokens
from softprompt_compiler.defaults import splits
from softprompt_compiler.diagnostic import Diagnostic, Label
from softprompt_compiler.resolved import ResolvedSpec
from softprompt_compiler.soft_prompt_paths import soft_prompt_paths
from softprompt_plan.vocabulary import InitMethod

_RESTORE = ("prompt_learning", "restore_path")


def check_something_to_train(resolved: ResolvedSpec) -> Iterator[Diagnostic]:
    """SP0322: a spec adds a task to what it restores."""
    kept, tasks = resolved.soft_prompt("restore_path").tasks, resolved.spec.tasks
    if all(name in kept for name in tasks):
        yield rules.NOTHING_TO_TRAIN.at(
            resolved.place(*_RESTORE),
            labels=[key_label(resolved, "kept as it is", "tasks", name) for name in tasks],
            tasks=", ".join(f"`{name}`" for name in tasks),
            help="add a task, or go on from the trained one: `init: {method: prompt, path: ...}`",
        )


def check_base_model(resolved: ResolvedSpec) -> Iterator[Diagnostic]:
    """SP0319: a trained soft prompt is as wide as the model. Its weights the runtime compares."""
    wanted = resolved.model_facts.width
    for key, path, text in soft_prompt_paths(resolved.spec):
        trained = resolved.soft_prompts.get(key)
        if trained is None or trained.width in (None, wanted):
            continue
        source = resolved.place("model", "source")
        yield rules.OTHER_BASE_MODEL.at(
            resolved.place(*path),
            labels=[Label(span=source, text=f"this model is {wanted} wide")],
            path=text,
            found=trained.width,
            wanted=wanted,
            notes=f"it was trained for `{trained.base_model}`" if trained.base_model else (),
            help="name that model as `model.source`, or train the prompt again for this one",
        )


def check_restored_task(resolved: ResolvedSpec, task: str) -> Iterator[Diagnostic]:
    """SP0323: a task that is kept is the task that was trained."""
    trained = resolved.soft_prompt("restore_path").tasks.get(task)
    if trained is None:
        return
    section = resolved.spec.tasks[task]
    ours = splits(section, len(resolved.template(task).markers) or 1)
    if trained.virtual_token_splits != ours:
        hint = f"write `virtual_token_splits: {list(trained.virtual_token_splits)}`"
        yield _differs(resolved, task, "virtual_token_splits", hint)
    if trained.prompt_template != section.prompt_template:
        hint = f"take the one it was trained with: {trained.prompt_template!r}"
        yield _differs(resolved, task, "prompt_template", hint)
    if trained.whitespace is not section.whitespace:
        yield _differs(resolved, task, "whitespace", f"write `whitespace: {trained.whitespace}`")


def _differs(resolved: ResolvedSpec, task: str, key: str, hint: str) -> Diagnostic:
    return rules.RESTORED_TASK_DIFFERS.at(
        resolved.place("tasks", task, key),
        labels=[Label(span=resolved.place(*_RESTORE), text="kept from here")],
        task=task,
        key=key,
        help=[hint, "or give the task another name, to train it anew"],
    )


def check_init_prompt(resolved: ResolvedSpec, task: str) -> Iterator[Diagnostic]:
    """SP0324 and SP0325: the trained prompt has a table of this size for the task."""
    init = resolved.spec.prompt_learning.init
    if init.method is not InitMethod.PROMPT or _is_kept(resolved, task):
        return
    trained = resolved.soft_prompt("init.path").tasks
    name = next(iter(trained)) if len(trained) == 1 else task
    place = resolved.place("prompt_learning", "init", "path")
    if name not in trained:
        hint = "it has " + ", ".join(f"`{other}`" for other in trained)
        label = key_label(resolved, "this task", "tasks", task)
        yield rules.INIT_TASK_UNKNOWN.at(
            place, labels=[label], path=init.path, task=task, help=hint
        )
        return
    found, wanted = sum(trained[name].virtual_token_splits), num_virtual_tokens(resolved, task)
    if found != wanted:
        label = Label(span=place, text=f"{found} virtual tokens")
        yield rules.INIT_SIZE_DIFFERS.at(
            resolved.place("tasks", task, "virtual_token_splits"),
            labels=[label],
            task=task,
            wanted=wanted,
            found=found,
            help=f"give the task {found} virtual tokens",
        )


def _is_kept(resolved: ResolvedSpec, task: str) -> bool:
    trained = resolved.soft_prompts.get("restore_path")
    return trained is not None and task in trained.tasks
