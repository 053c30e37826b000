"""How many virtual tokens there are, and where."""

from collections.abc import Iterator

from softprompt_compiler.catalogue import cross as rules
from softprompt_compiler.check.places import conflict, counted, stated, template_label
from softprompt_compiler.defaults import DEFAULT_VIRTUAL_TOKENS
from softprompt_compiler.diagnostic import Diagnostic, Label
from softprompt_compiler.resolved import ResolvedSpec


def check_sum(resolved: ResolvedSpec, task: str) -> Iterator[Diagnostic]:
    """SP0201: the total says what the splits add up to."""
    section = resolved.spec.tasks[task]
    splits, total = section.virtual_token_splits, section.total_virtual_tokens
    if splits is None or total is None or sum(splits) == total:
        return
    yield conflict(
        rules.VIRTUAL_TOKEN_SUM,
        Label(
            span=resolved.place("tasks", task, "virtual_token_splits"),
            text=f"{' + '.join(map(str, splits))} = {sum(splits)}" if len(splits) > 1 else "",
        ),
        stated(resolved, total, "tasks", task, "total_virtual_tokens"),
        sum=sum(splits),
        total=total,
        help="leave `total_virtual_tokens` out: the splits say it",
    )


def check_marker_count(resolved: ResolvedSpec, task: str) -> Iterator[Diagnostic]:
    """SP0202: a split a marker."""
    template, splits = resolved.template(task), resolved.spec.tasks[task].virtual_token_splits
    markers = template.markers
    numbers = {marker.number for marker in markers}
    if splits is None or not markers or len(numbers) < len(markers) or len(numbers) == len(splits):
        return
    if numbers != set(range(len(numbers))):  # SP0126 says it
        return
    last = markers[-1]
    yield conflict(
        rules.MARKER_COUNT,
        Label(
            span=resolved.place("tasks", task, "virtual_token_splits"),
            text=counted(len(splits), "split"),
        ),
        template_label(resolved, task, last.start, last.end, counted(len(markers), "marker")),
        markers=counted(len(markers), "marker"),
        splits=counted(len(splits), "number"),
        help="write one number for each marker",
    )


def check_spread(resolved: ResolvedSpec, task: str) -> Iterator[Diagnostic]:
    """SP0203: without splits, every marker gets at least one virtual token."""
    section, markers = resolved.spec.tasks[task], resolved.template(task).markers
    total = section.total_virtual_tokens or DEFAULT_VIRTUAL_TOKENS
    if section.virtual_token_splits is not None or total >= len(markers):
        return
    yield conflict(
        rules.TOO_FEW_VIRTUAL_TOKENS,
        stated(resolved, total, "tasks", task, "total_virtual_tokens"),
        template_label(
            resolved, task, markers[-1].start, markers[-1].end, counted(len(markers), "marker")
        ),
        total=counted(total, "virtual token"),
        markers=counted(len(markers), "marker"),
        help="give `virtual_token_splits`, one number for each marker",
    )


def check_room(resolved: ResolvedSpec, task: str) -> Iterator[Diagnostic]:
    """SP0204 and SP0205: beside virtual and generated tokens a row has room for text."""
    section, limit = resolved.spec.tasks[task], resolved.spec.model.max_seq_length
    total = num_virtual_tokens(resolved, task)
    key = "virtual_token_splits" if section.virtual_token_splits else "total_virtual_tokens"
    limit_label = stated(resolved, limit, "model", "max_seq_length")
    total_label = Label(
        span=resolved.place("tasks", task, key), text=counted(total, "virtual token")
    )
    if total >= limit:
        yield conflict(
            rules.VIRTUAL_TOKENS_FILL_ROW,
            total_label,
            limit_label,
            total=total,
            limit=limit,
            help="raise `max_seq_length`, or take fewer virtual tokens",
        )
        return
    generated = resolved.spec.inference.tokens_to_generate
    if section.data.test is not None and total + generated >= limit:
        yield conflict(
            rules.COMPLETION_FILLS_ROW,
            stated(resolved, generated, "inference", "tokens_to_generate"),
            limit_label,
            total_label,
            total=total,
            generated=generated,
            limit=limit,
            help="a prompt has `max_seq_length` less `tokens_to_generate` tokens",
        )


def num_virtual_tokens(resolved: ResolvedSpec, task: str) -> int:
    """P of a task, defaults filled in."""
    section = resolved.spec.tasks[task]
    if section.virtual_token_splits is not None:
        return sum(section.virtual_token_splits)
    return section.total_virtual_tokens or DEFAULT_VIRTUAL_TOKENS
