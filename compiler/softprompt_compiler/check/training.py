"""Batches, devices, steps and the learning rate."""

from collections.abc import Iterator

from softprompt_compiler.catalogue import cross as rules
from softprompt_compiler.check.places import conflict, key_label, stated
from softprompt_compiler.defaults import warmup_steps
from softprompt_compiler.diagnostic import Diagnostic, Label
from softprompt_compiler.resolved import ResolvedSpec
from softprompt_plan.vocabulary import Accelerator, ModelDtype, Precision, ScheduleName


def check_epochs_and_steps(resolved: ResolvedSpec) -> Iterator[Diagnostic]:
    """SP0230: one of the two ends the run."""
    training = resolved.spec.training
    if training.max_epochs is not None and training.max_steps is not None:
        yield conflict(
            rules.EPOCHS_AND_STEPS,
            key_label(resolved, "", "training", "max_steps"),
            key_label(resolved, "the other", "training", "max_epochs"),
            help="keep one of the two",
        )


def check_batch(resolved: ResolvedSpec) -> Iterator[Diagnostic]:
    """SP0231: a global batch is whole micro-batches on every replica of the model."""
    training, layout = resolved.spec.training, resolved.spec.parallelism
    whole, micro = training.global_batch_size, training.micro_batch_size
    group = layout.tensor_model_parallel_size * layout.pipeline_model_parallel_size
    devices = layout.num_nodes * layout.devices
    if devices % group:  # SP0232 says it
        return
    replicas = devices // group
    product = micro * replicas
    if whole % product == 0:
        return
    shown = f"{micro}" if replicas == 1 else f"{micro} * {replicas} = {product}"
    labels = [
        stated(resolved, whole, "training", "global_batch_size"),
        stated(resolved, micro, "training", "micro_batch_size"),
    ]
    if replicas > 1:
        text = f"{devices} devices hold {replicas} replicas of the model"
        labels.append(Label(span=resolved.place("parallelism", "devices"), text=text))
    near = max(product, whole // product * product)
    yield conflict(
        rules.BATCH_NOT_DIVISIBLE,
        *labels,
        global_size=whole,
        product=f"`micro_batch_size`{' times data-parallel size' * (replicas > 1)}, {shown}",
        help=f"write `global_batch_size: {near}` or another multiple of {product}",
    )


def check_devices(resolved: ResolvedSpec) -> Iterator[Diagnostic]:
    """SP0232: tensor and pipeline parallelism use all devices."""
    layout = resolved.spec.parallelism
    tensor, pipeline = layout.tensor_model_parallel_size, layout.pipeline_model_parallel_size
    world = layout.num_nodes * layout.devices
    if world % (tensor * pipeline) == 0:
        return
    yield conflict(
        rules.DEVICES_NOT_DIVISIBLE,
        stated(resolved, layout.devices, "parallelism", "devices"),
        stated(resolved, layout.num_nodes, "parallelism", "num_nodes"),
        stated(resolved, tensor, "parallelism", "tensor_model_parallel_size"),
        stated(resolved, pipeline, "parallelism", "pipeline_model_parallel_size"),
        world=world,
        group=tensor * pipeline,
        help="`num_nodes` times `devices` is a multiple of tensor times pipeline parallel size",
    )


def check_schedule(resolved: ResolvedSpec) -> Iterator[Diagnostic]:
    """SP0233: the schedule fits into the run, where the spec says how long that is."""
    training = resolved.spec.training
    steps, sched = training.max_steps, training.optim.sched
    constant = sched.constant_steps if sched.name is ScheduleName.COSINE_ANNEALING else 0
    warmup = warmup_steps(training)
    if steps is None or warmup + constant <= steps:
        return
    path = ("training", "optim", "sched")
    labels = [stated(resolved, warmup, *path, "warmup_steps")]
    if constant:
        labels.append(stated(resolved, constant, *path, "constant_steps"))
    yield conflict(
        rules.SCHEDULE_TOO_LONG,
        *labels,
        stated(resolved, steps, "training", "max_steps"),
        taken=warmup + constant,
        steps=steps,
        help="a tenth of the run is enough for warm-up",
    )


def check_min_lr(resolved: ResolvedSpec) -> Iterator[Diagnostic]:
    """SP0234: the learning rate falls to `min_lr`."""
    optim = resolved.spec.training.optim
    lr, min_lr = optim.lr, optim.sched.min_lr
    if min_lr > lr:
        yield conflict(
            rules.MIN_LR_ABOVE_LR,
            stated(resolved, min_lr, "training", "optim", "sched", "min_lr"),
            stated(resolved, lr, "training", "optim", "lr"),
            min_lr=min_lr,
            lr=lr,
        )


def check_early_stopping(resolved: ResolvedSpec) -> Iterator[Diagnostic]:
    """SP0235: `val_loss` needs validation rows of every task."""
    spec = resolved.spec
    if spec.training.early_stopping is None:
        return
    without = [name for name, task in spec.tasks.items() if task.data.validation is None]
    if without:
        yield conflict(
            rules.STOPPING_WITHOUT_VALIDATION,
            key_label(resolved, "", "training", "early_stopping"),
            *(key_label(resolved, "no `validation`", "tasks", name, "data") for name in without),
            tasks=", ".join(f"`{name}`" for name in without),
            help="name validation rows, or leave `early_stopping` out",
        )


def check_precision_on_cpu(resolved: ResolvedSpec) -> Iterator[Diagnostic]:
    """SP0236: float16 is computed on GPUs."""
    precision = resolved.spec.training.precision
    accelerator = resolved.spec.parallelism.accelerator
    if precision is Precision.FP16_MIXED and accelerator is Accelerator.CPU:
        yield conflict(
            rules.PRECISION_NEEDS_GPU,
            stated(resolved, f"`{precision}`", "training", "precision"),
            stated(resolved, f"`{accelerator}`", "parallelism", "accelerator"),
            help="write `32-true` or `bf16-mixed`",
        )


def check_precision_of_model(resolved: ResolvedSpec) -> Iterator[Diagnostic]:
    """SP0237: `bf16-true` says that the frozen weights are bfloat16."""
    precision, dtype = resolved.spec.training.precision, resolved.spec.model.dtype
    if precision is Precision.BF16 and dtype is not ModelDtype.BFLOAT16:
        yield conflict(
            rules.PRECISION_NEEDS_DTYPE,
            stated(resolved, f"`{precision}`", "training", "precision"),
            stated(resolved, f"`{dtype}`", "model", "dtype"),
            help="write `model: {dtype: bfloat16}`; virtual tokens and encoder stay float32",
        )
