"""A forecast for people: tables, with the formula of each summand of memory."""

from collections.abc import Iterable, Iterator, Sequence
from io import StringIO
from typing import TYPE_CHECKING

from softprompt_compiler.forecast.batches import Batches
from softprompt_compiler.forecast.duration import PEAK_SHARE
from softprompt_compiler.forecast.forecast import Forecast, GpuForecast, ModelForecast
from softprompt_compiler.forecast.ranks import FRAGMENTED_SHARE
from softprompt_compiler.memory.rank import RankMemory
from softprompt_compiler.memory.term import total
from softprompt_compiler.render.console import console_on, printed
from softprompt_compiler.render.display import safe
from softprompt_compiler.render.human import Style

if TYPE_CHECKING:
    from rich.table import Table

_UNITS = ((1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB"))
_LEAST_SHOWN = 0.001  # of a rank's memory
_LEGEND = (
    "R tokens with gradients, N loss tokens, J keys that rows gather, C loss tokens at once, "
    "D width, H heads, G key/value heads, E width of a head, M width of the MLP, V vocabulary, "
    "W weights, T trained values, b bytes of a value. -o json has all summands."
)
_Row = tuple[str, ...]


def render(forecast: Forecast, style: Style) -> str:
    """The forecast in lines."""
    text = StringIO()
    console = console_on(text, style)
    for part in _parts(forecast):
        if isinstance(part, str):
            console.print(safe(part))
        else:
            console.print(part)
    return printed(text)


def size_in_words(num_bytes: float) -> str:
    """`1.25 GiB`."""
    for unit, name in _UNITS:
        if num_bytes >= unit:
            return f"{num_bytes / unit:,.2f} {name}"
    return f"{num_bytes:,.0f} B"


def _parts(forecast: Forecast) -> "Iterator[str | Table]":
    yield "batches and tokens"
    yield _table(("", ""), _batches(forecast))
    yield ""
    model = forecast.model
    if model is None:
        yield f"No memory, traffic or time: {forecast.missing}."
        return
    yield from _memory(model)
    yield ""
    yield "what a rank sends in a step"
    yield _table(("", ""), _traffic(model))
    yield ""
    yield from _gpus(forecast, model)


def _batches(forecast: Forecast) -> Iterator[_Row]:
    batches, rows = forecast.batches, forecast.rows
    parts = (
        f"micro-batch {batches.micro_batch_size:,}",
        f"accumulation {batches.accumulation:,}",
        f"data parallel {batches.data_parallel:,}",
    )
    yield "global batch", f"{batches.global_batch_size:,} rows = {' x '.join(parts)}"
    yield "steps", _steps(batches)
    if not rows.is_measured:
        limit = forecast.plan.model.max_seq_length
        yield "rows", f"taken to be as long as they may be: {limit:,} tokens"
    yield "tokens of a step", f"{batches.tokens_per_step:,.0f}"
    if batches.tokens_per_epoch is not None:
        yield "tokens of an epoch", f"{batches.tokens_per_epoch:,}"
    if batches.total_tokens is not None:
        yield "tokens of the run", f"{batches.total_tokens:,}"
    if rows.is_measured:
        share = f"{batches.padding_share:.1%} of padded batches"
        yield "padding", f"none: rows are packed; {share} would be padding"
    shared = batches.shared_tokens_per_step / batches.tokens_per_step
    if shared:
        yield "computed once a batch", f"{shared:.1%} of the tokens: what its rows begin with"


def _steps(batches: Batches) -> str:
    if batches.total_steps is None:
        return "not known without the data"
    run = f"{batches.total_steps:,} in the run"
    if batches.steps_per_epoch is None or batches.rows_per_epoch is None:
        return run
    return f"{batches.steps_per_epoch:,} an epoch ({batches.rows_per_epoch:,} rows), {run}"


def _memory(model: ModelForecast) -> "Iterator[str | Table]":
    rank, margin = model.worst, model.margin
    where = f" of stage {rank.stage}" if len(model.ranks) > 1 else ""
    yield f"memory of a rank{where}, at its peak: {rank.worst.moment}"
    yield _table(("", "formula", "numbers", "bytes"), _terms(rank, model), right=(3,))
    yield _LEGEND
    tensors = size_in_words(rank.num_bytes)
    yield f"Tensors take {tensors}. Assumed beside: {_margin(model)}."
    yield f"In all {size_in_words(rank.num_bytes + margin.num_bytes)}."
    yield ""
    standing = total(rank.standing)
    moments = (f"{m.moment} {size_in_words(standing + m.num_bytes)}" for m in rank.moments)
    yield f"By moment: {'; '.join(moments)}."
    if len(model.ranks) > 1:
        yield ""
        yield "pipeline stages"
        yield _table(
            ("stage", "blocks", "micro-batches kept", "weights", "in all"),
            map(_stage, model.ranks),
            right=(0, 1, 2, 3, 4),
        )


def _margin(model: ModelForecast) -> str:
    margin = model.margin
    words = [f"{size_in_words(margin.context)} for the CUDA context and libraries"]
    if margin.channels:
        words.append(f"{size_in_words(margin.channels)} for NCCL")
    return ", ".join([*words, f"{FRAGMENTED_SHARE:.0%} that the allocator cannot use"])


def _terms(rank: RankMemory, model: ModelForecast) -> Iterator[_Row]:
    found = (*rank.standing, *rank.worst.terms)
    small = [each for each in found if each.num_bytes < _LEAST_SHOWN * rank.num_bytes]
    for each in found:
        if each not in small:
            yield each.name, each.formula, each.numbers, size_in_words(each.num_bytes)
    if small:
        yield f"{len(small)} smaller ones", "", "", size_in_words(total(small))
    fragmented = size_in_words(model.margin.fragmented)
    yield "what the allocator cannot use", f"{FRAGMENTED_SHARE:.0%}", "", fragmented
    beside = model.margin.context + model.margin.channels
    yield "context and channels", "assumed", "", size_in_words(beside)


def _stage(rank: RankMemory) -> _Row:
    weights = size_in_words(rank.standing[0].num_bytes)
    counts = (f"{number:,}" for number in (rank.stage, rank.num_blocks, rank.in_flight))
    return (*counts, weights, size_in_words(rank.num_bytes))


def _traffic(model: ModelForecast) -> Iterator[_Row]:
    traffic = model.traffic
    kinds = (
        ("tensor parallelism", traffic.tensor_parallel),
        ("pipeline stages", traffic.pipeline_parallel),
        ("data parallelism", traffic.data_parallel),
    )
    yield from ((name, size_in_words(sent)) for name, sent in kinds if sent)
    if traffic.bubble:
        yield "bubble", f"{traffic.bubble:.1%} of a step a stage waits"
    elif not any(sent for _, sent in kinds):
        yield "none", "one process"


def _gpus(forecast: Forecast, model: ModelForecast) -> "Iterator[str | Table]":
    steps = forecast.batches.total_steps
    yield "GPUs"
    yield _table(
        ("", "memory", "this layout", "smallest TP", "a step", "the run"),
        (_gpu(each, steps) for each in model.gpus),
        right=(1, 3, 4, 5),
    )
    yield (
        f"Times assume {PEAK_SHARE:.0%} of each GPU's peak, and leave out validation, generation, "
        "loading, and the start of many small kernels."
    )
    if model.named is not None:
        yield ""
        yield _verdict(model, model.named)


def _gpu(each: GpuForecast, steps: int | None) -> _Row:
    smallest = each.smallest_tensor_parallel
    seconds = each.seconds_per_step
    whole = None if seconds is None or steps is None else seconds * steps
    return (
        each.gpu.name,
        size_in_words(each.gpu.memory_bytes),
        each.verdict.value,
        "none" if smallest is None else str(smallest),
        _time(seconds),
        _time(whole),
    )


def _verdict(model: ModelForecast, named: GpuForecast) -> str:
    taken = size_in_words(model.worst.num_bytes + model.margin.num_bytes)
    has = size_in_words(named.gpu.memory_bytes)
    words = f"{named.gpu.name}: {named.verdict.value}; a rank takes {taken} of {has}."
    smallest = named.smallest_tensor_parallel
    if smallest is None:
        return f"{words} No tensor-parallel size fits."
    return f"{words} Smallest tensor-parallel size: {smallest}."


def _time(seconds: float | None) -> str:
    if seconds is None:
        return ""
    if seconds < 1:
        return f"{1000 * seconds:,.1f} ms"
    if seconds < 120:
        return f"{seconds:,.1f} s"
    minutes = seconds / 60
    return f"{minutes:,.0f} min" if minutes < 120 else f"{minutes / 60:,.1f} h"


def _table(headings: Sequence[str], rows: Iterable[_Row], *, right: Sequence[int] = ()) -> "Table":
    from rich.table import Table
    from rich.text import Text

    table = Table(
        box=None,
        padding=(0, 2, 0, 0),
        pad_edge=False,
        show_header=any(headings),
        header_style="bold",
    )
    for at, heading in enumerate(headings):
        side = "right" if at in right else "left"
        table.add_column(Text(heading), justify=side, vertical="bottom")
    for row in rows:
        table.add_row(*(Text(safe(cell)) for cell in row))
    return table
