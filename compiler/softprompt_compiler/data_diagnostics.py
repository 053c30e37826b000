"""What is wrong with the rows of a spec as a whole: diagnostics at the spec's own lines."""

from collections.abc import Iterator, Sequence

from softprompt_compiler.catalogue import cross
from softprompt_compiler.catalogue import world as rules
from softprompt_compiler.check.places import stated
from softprompt_compiler.data_report import InitReport, SplitReport
from softprompt_compiler.diagnostic import Diagnostic, Fix, Label
from softprompt_compiler.resolved import ResolvedSpec
from softprompt_compiler.scalars import quoted
from softprompt_compiler.split_tally import LABEL_METRICS
from softprompt_compiler.suggest import nearest
from softprompt_plan.plan import Plan, TaskPlan
from softprompt_plan.tokenization import Tokenizer
from softprompt_plan.vocabulary import InitMethod, Metric, Split

_MOST_LABELS = 5  # named in a message
_FEWEST_ROWS = 20  # from which on few labels can be told from many


def split_diagnostics(
    resolved: ResolvedSpec, task: TaskPlan, split: SplitReport, train: SplitReport | None
) -> Iterator[Diagnostic]:
    """What is wrong with rows that are each without fault. train: the task's train data."""
    place = resolved.place("tasks", task.name, "data", split.split.value)
    rows, name = split.num_rows, split.split.value
    if split.num_empty_answers:
        hint = "the model learns to answer nothing; leave such rows out"
        count = split.num_empty_answers
        yield rules.EMPTY_ANSWERS.at(place, count=count, rows=rows, split=name, help=hint)
    if split.num_without_answer and task.metrics:
        field, count = task.answer_field, split.num_without_answer
        hint = "add the answers, or leave `metrics` out"
        yield rules.TEST_WITHOUT_ANSWERS.at(
            place,
            labels=[stated(resolved, f"`{field}`", "tasks", task.name, "answer_field")],
            count=count,
            rows=rows,
            field=field,
            help=hint,
        )
    if split.num_trained:
        hint = "scores on rows that were trained on say little; keep the splits apart"
        count = split.num_trained
        label = _train_data(resolved, task)
        yield rules.ROWS_IN_TWO_SPLITS.at(
            place, labels=[label], count=count, rows=rows, split=name, help=hint
        )
    if split.num_contrary and split.labels is not None:
        hint = "no prediction can be right for both; look which label is meant"
        count = split.num_contrary
        yield rules.CONTRARY_ROWS.at(place, count=count, rows=rows, split=name, help=hint)
    if split.split is Split.TEST and train is not None:
        yield from _label_diagnostics(resolved, task, split, train)


def _train_data(resolved: ResolvedSpec, task: TaskPlan) -> Label:
    return Label(span=resolved.place("tasks", task.name, "data", "train"), text="the train data")


def _label_diagnostics(
    resolved: ResolvedSpec, task: TaskPlan, test: SplitReport, train: SplitReport
) -> Iterator[Diagnostic]:
    if test.labels is None or train.labels is None or train.labels.num_others:
        return
    trained = train.labels.counts
    unknown = {label: count for label, count in test.labels.counts.items() if label not in trained}
    if not unknown or not trained:
        return
    shown = ", ".join(f"`{label:.40}`" for label in list(unknown)[:_MOST_LABELS])
    more = f" and {len(unknown) - _MOST_LABELS} more" if len(unknown) > _MOST_LABELS else ""
    yield rules.UNTRAINED_LABELS.at(
        resolved.place("tasks", task.name, "data", "test"),
        labels=[_train_data(resolved, task)],
        count=sum(unknown.values()),
        rows=test.num_rows,
        notes=f"the labels are {shown}{more}" if len(unknown) > 1 else f"the label is {shown}",
        help="a label that was never seen is hardly ever written; add training rows for it",
    )


def label_diagnostics(
    plan: Plan, resolved: ResolvedSpec, splits: Sequence[SplitReport]
) -> Iterator[Diagnostic]:
    """Labels that the spec speaks of, beside the answers of the train data."""
    trained = {each.task: each for each in splits if each.split is Split.TRAIN}
    for task in plan.tasks:
        if task.name in trained:  # what cannot be opened has been reported
            yield from _scored_as_labels(resolved, task, trained[task.name])
            yield from _scored_by_slots(resolved, task, trained[task.name])
    answers = [each.labels for each in trained.values() if each.labels is not None]
    if any(each.num_others for each in answers) or not any(each.counts for each in answers):
        return
    known = {label for each in answers for label in each.counts}
    for at, label in enumerate(plan.prompt_learning.init.labels):
        if label.strip() not in known:
            meant = nearest(label.strip(), known)
            place = resolved.place("prompt_learning", "init", "labels", at)
            yield cross.INIT_LABEL_UNSEEN.at(
                place,
                word=f"{label:.40}",
                help=f"did you mean `{meant}`?" if meant else "name the answers of the data",
                fix=Fix.guess(place, quoted(meant)) if meant else None,
            )


def _scored_as_labels(
    resolved: ResolvedSpec, task: TaskPlan, train: SplitReport
) -> Iterator[Diagnostic]:
    """A score of classes says nothing where nearly every row is a class of its own."""
    if train.labels is None or train.num_rows < _FEWEST_ROWS:
        return
    count = len(train.labels.counts)
    if 2 * max(count, train.labels.num_others) <= train.num_rows:
        return
    for at, metric in enumerate(task.metrics):
        if metric in LABEL_METRICS:
            yield cross.METRIC_WITHOUT_CLASSES.at(
                resolved.place("tasks", task.name, "metrics", at),
                labels=[_train_data(resolved, task)],
                metric=metric.value,
                task=task.name,
                rows=train.num_rows,
                count=f"{count}{' or more' if train.labels.num_others else ''} different",
                help="take `exact_match`, `f1` or `rouge_l` for answers in free text",
            )


def _scored_by_slots(
    resolved: ResolvedSpec, task: TaskPlan, train: SplitReport
) -> Iterator[Diagnostic]:
    """A completion cannot have the slots that no answer has taught."""
    if Metric.SLOT_F1 not in task.metrics or train.num_with_slots or train.num_rows < 1:
        return
    yield cross.METRIC_WITHOUT_SLOTS.at(
        resolved.place("tasks", task.name, "metrics", task.metrics.index(Metric.SLOT_F1)),
        labels=[_train_data(resolved, task)],
        task=task.name,
        help="write answers as `Slots: name(value), name(value)`, or take `exact_match` or `f1`",
    )


def run_diagnostics(plan: Plan, resolved: ResolvedSpec, num_steps: int) -> Iterator[Diagnostic]:
    """What is wrong with a run of so many optimizer steps."""
    warmup = plan.training.optim.sched.warmup_steps
    if 0 < num_steps <= warmup:
        yield rules.WARMUP_EXCEEDS_RUN.at(
            resolved.place("training", "optim", "sched", "warmup_steps"),
            labels=_length_of_run(resolved, num_steps),
            warmup=warmup,
            steps=num_steps,
            help=f"write `warmup_steps: {num_steps // 10}`, or train longer",
        )


def _length_of_run(resolved: ResolvedSpec, num_steps: int) -> list[Label]:
    text = f"{num_steps:,} step{'s' * (num_steps > 1)} with this data"
    given = [key for key in ("max_steps", "max_epochs") if resolved.is_given("training", key)]
    return [Label(span=resolved.place("training", key), text=text) for key in given]


def init_reports(plan: Plan, tokenizer: Tokenizer) -> tuple[InitReport, ...]:
    """The words of the spec that virtual tokens start from, counted for each task."""
    init = plan.prompt_learning.init
    if init.method is InitMethod.TEXT:
        given, key = len(tokenizer.encode_batch([init.text or ""])[0].ids), "text"
    elif init.method is InitMethod.CLASS_LABELS:
        given, key = len(init.labels), "labels"
    else:
        return ()
    return tuple(
        InitReport(task=task.name, key=key, given=given, wanted=task.num_virtual_tokens)
        for task in plan.tasks
    )


def init_diagnostics(resolved: ResolvedSpec, inits: Sequence[InitReport]) -> Iterator[Diagnostic]:
    """Words that virtual tokens should start as, and that are too many."""
    for init in inits:
        used = init.wanted
        if init.given > used:
            things = "tokens" if init.key == "text" else "labels"
            splits = resolved.is_given("tasks", init.task, "virtual_token_splits")
            key = "virtual_token_splits" if splits else "total_virtual_tokens"
            number = resolved.place("tasks", init.task, key)
            yield rules.INIT_CUT.at(
                resolved.place("prompt_learning", "init", init.key),
                labels=[Label(span=number, text=f"{used} virtual token{'s' * (used > 1)}")],
                used=used,
                given=init.given,
                things=things,
                task=init.task,
                help=f"give {used} {things} or fewer",
            )
