"""All checks, and the one place that runs them."""

from collections.abc import Callable, Iterator
from contextlib import suppress

from softprompt_compiler.check import (
    advice,
    answer,
    launch,
    launch_forms,
    memory,
    model,
    model_parallelism,
    not_built,
    parallelism,
    prompt_learning,
    repeated,
    secret,
    template,
    trained,
    training,
    unused,
    virtual_tokens,
)
from softprompt_compiler.diagnostic import Diagnostic
from softprompt_compiler.resolved import ResolvedSpec
from softprompt_compiler.spec.section import DamagedFieldError

SpecCheck = Callable[[ResolvedSpec], Iterator[Diagnostic]]
TaskCheck = Callable[[ResolvedSpec, str], Iterator[Diagnostic]]

SPEC_CHECKS: tuple[SpecCheck, ...] = (
    training.check_epochs_and_steps,
    training.check_batch,
    training.check_devices,
    parallelism.check_gpu,
    parallelism.check_bfloat16,
    model_parallelism.check_sequence_parallel,
    model_parallelism.check_tensor_split,
    model_parallelism.check_pipeline_split,
    model_parallelism.check_family,
    model_parallelism.check_encoder_split,
    training.check_schedule,
    training.check_min_lr,
    training.check_early_stopping,
    training.check_precision_on_cpu,
    training.check_precision_of_model,
    prompt_learning.check_init,
    prompt_learning.check_layers,
    advice.check_low_lr,
    advice.check_random_init,
    advice.check_decay,
    advice.check_high_lr,
    advice.check_half_precision,
    unused.check_unused_encoder,
    unused.check_unused_init,
    unused.check_unused_sampling,
    unused.check_unused_validation,
    unused.check_unused_schedule,
    unused.check_unused_revision,
    unused.check_unused_weight_shards,
    model.check_positions,
    memory.check_weights_fit,
    trained.check_something_to_train,
    trained.check_base_model,
    repeated.check_repeated,
    repeated.check_shared_files,
    launch.check_target_said,
    launch.check_machines,
    launch.check_target_lacks,
    launch.check_save_seconds,
    launch.check_environment,
    launch.check_unused_launch,
    launch_forms.check_rendezvous,
    launch_forms.check_kubernetes_names,
    launch_forms.check_slurm_words,
    launch_forms.check_kubernetes_amounts,
    launch_forms.check_control_characters,
    launch_forms.check_mounts,
    secret.check_secrets,
    secret.check_named_secrets,
    not_built.check_loggers_built,
)
TASK_CHECKS: tuple[TaskCheck, ...] = (  # each runs once a task
    template.check_template_text,
    virtual_tokens.check_sum,
    virtual_tokens.check_marker_count,
    virtual_tokens.check_spread,
    virtual_tokens.check_room,
    answer.check_answer,
    answer.check_truncate_field,
    answer.check_renamed_fields,
    answer.check_metrics,
    advice.check_many_virtual_tokens,
    advice.check_one_virtual_token,
    unused.check_unused_shuffle,
    unused.check_unused_truncate_side,
    trained.check_restored_task,
    trained.check_init_prompt,
    repeated.check_repeated_in_task,
)


def check(resolved: ResolvedSpec) -> list[Diagnostic]:
    """What all checks find. A check that needs a field at fault is silent about the rest."""
    found: list[Diagnostic] = []
    for spec_check in SPEC_CHECKS:
        _collect(spec_check(resolved), found)
    for task in _task_names(resolved):
        for task_check in TASK_CHECKS:
            _collect(task_check(resolved, task), found)
    return found


def _collect(findings: Iterator[Diagnostic], found: list[Diagnostic]) -> None:
    with suppress(DamagedFieldError):
        found.extend(findings)


def _task_names(resolved: ResolvedSpec) -> list[str]:
    try:
        return list(resolved.spec.tasks)
    except DamagedFieldError:
        return []
