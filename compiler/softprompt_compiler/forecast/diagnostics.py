"""A run that does not fit the GPU that its spec names, as its rows are."""

from collections.abc import Iterator
from dataclasses import replace

from softprompt_compiler.catalogue import world as rules
from softprompt_compiler.check.memory import check_weights_fit
from softprompt_compiler.data_report import DataReport
from softprompt_compiler.diagnostic import Diagnostic
from softprompt_compiler.forecast.forecast import ModelForecast, forecast_of
from softprompt_compiler.forecast.ranks import Verdict, verdict_of
from softprompt_compiler.resolved import ResolvedSpec
from softprompt_plan.plan import Plan
from softprompt_plan.vocabulary import ActivationsCheckpoint

_GIB = 1 << 30


def memory_diagnostics(
    plan: Plan, resolved: ResolvedSpec, data: DataReport
) -> Iterator[Diagnostic]:
    """SP0360, unless the weights alone are too much, which is said before any row is read."""
    model = forecast_of(plan, resolved, data).model
    if model is None or model.named is None or model.named.verdict is not Verdict.NO:
        return
    if any(check_weights_fit(resolved)):
        return
    gpu, taken = model.named.gpu, model.worst.num_bytes + model.margin.num_bytes
    yield rules.DOES_NOT_FIT.at(
        resolved.place("parallelism", "gpu"),
        what=f"at its peak, in {model.worst.worst.moment}, a rank takes",
        taken=f"{taken / _GIB:,.1f} GiB",
        gpu=gpu.name,
        has=f"{gpu.memory_bytes / _GIB:,.1f} GiB",
        help=[*_cures(plan, model), "`spec plan` shows what takes how much"],
    )


def _cures(plan: Plan, model: ModelForecast) -> Iterator[str]:
    """Single changes that make the run fit."""
    assert model.named is not None
    training, gpu = model.training, model.named.gpu
    ranks = plan.parallelism.num_nodes * plan.parallelism.devices
    for mode in (ActivationsCheckpoint.SELECTIVE, ActivationsCheckpoint.FULL):
        changed = replace(training, mode=mode)
        if verdict_of(changed, gpu, num_ranks=ranks) is not Verdict.NO:
            yield f"write `activations_checkpoint: {mode}`"
            break
    micro = plan.training.micro_batch_size
    for size in (each for each in range(micro // 2, 0, -1) if micro % each == 0):
        changed = replace(training, batch=replace(training.batch, num_rows=size))
        if verdict_of(changed, gpu, num_ranks=ranks) is not Verdict.NO:
            yield f"write `micro_batch_size: {size}`"
            break
    if size := model.named.smallest_tensor_parallel:
        yield f"write `tensor_model_parallel_size: {size}`"
