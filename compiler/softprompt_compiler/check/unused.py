"""SP0242: a field that another field leaves without effect.

A field that says no more than its own default is let pass: the run is what the spec says.
"""

from collections.abc import Iterator
from itertools import pairwise

from softprompt_compiler.catalogue import cross as rules
from softprompt_compiler.check.places import key_label
from softprompt_compiler.diagnostic import Diagnostic, Fix, Label
from softprompt_compiler.removal import removal
from softprompt_compiler.resolved import ResolvedSpec
from softprompt_compiler.spec.section import Section
from softprompt_compiler.tree import MappingNode, Path
from softprompt_plan.vocabulary import (
    EncoderType,
    InitMethod,
    ModelSourceKind,
    PromptStyle,
    ScheduleName,
)

_ENCODER_KEYS = {
    EncoderType.MLP: {"hidden_size", "num_layers"},
    EncoderType.LSTM: {"hidden_size", "num_layers", "dropout"},
    EncoderType.TPMLP: {"hidden_size", "init_std"},
    EncoderType.EMBEDDING: set[str](),
}
_INIT_KEYS = {"text": InitMethod.TEXT, "labels": InitMethod.CLASS_LABELS, "path": InitMethod.PROMPT}
_SAMPLING_KEYS = ("top_k", "top_p", "temperature")


def check_unused_encoder(resolved: ResolvedSpec) -> Iterator[Diagnostic]:
    """With prompt-tuning there is no encoder; an encoder uses the keys of its type."""
    learning, path = resolved.spec.prompt_learning, ("prompt_learning", "encoder")
    if learning.virtual_prompt_style is PromptStyle.PROMPT_TUNING:
        if resolved.is_given(*path):
            reason = "`prompt-tuning` has no encoder"
            cause = cause_of(resolved, "prompt_learning", "virtual_prompt_style")
            yield unused(resolved, path, reason, cause)
        return
    encoder, cause = learning.encoder, cause_of(resolved, *path, "type")
    for key in ("hidden_size", "num_layers", "dropout", "init_std"):
        if key not in _ENCODER_KEYS[encoder.type] and says_something(encoder, key):
            reason = f"an encoder of type `{encoder.type}` does not use it"
            yield unused(resolved, (*path, key), reason, cause)
    if encoder.type is EncoderType.LSTM and encoder.num_layers == 1 and encoder.dropout > 0:
        reason = "it stands between the LSTM's layers, and there is one"
        cause = cause_of(resolved, *path, "num_layers")
        yield unused(resolved, (*path, "dropout"), reason, cause)


def check_unused_init(resolved: ResolvedSpec) -> Iterator[Diagnostic]:
    """An init method uses its own key."""
    init, path = resolved.spec.prompt_learning.init, ("prompt_learning", "init")
    for key, method in _INIT_KEYS.items():
        if init.method is not method and says_something(init, key):
            reason = f"init method `{init.method}` does not use it"
            yield unused(resolved, (*path, key), reason, cause_of(resolved, *path, "method"))


def check_unused_shuffle(resolved: ResolvedSpec, task: str) -> Iterator[Diagnostic]:
    """Where all rows are taken, none is drawn; training mixes them by `training.seed`."""
    data = resolved.spec.tasks[task].data
    limits = (data.max_rows.train, data.max_rows.validation, data.max_rows.test)
    if data.shuffle_seed is not None and all(limit is None for limit in limits):
        path = ("tasks", task, "data", "shuffle_seed")
        cause = cause_of(resolved, "tasks", task, "data")
        yield unused(resolved, path, "without `max_rows` all rows are taken", cause)


def check_unused_truncate_side(resolved: ResolvedSpec, task: str) -> Iterator[Diagnostic]:
    """Where no field may lose tokens, no side of one does."""
    section = resolved.spec.tasks[task]
    if section.truncate_field is None and says_something(section, "truncate_side"):
        path = ("tasks", task)
        reason = "no `truncate_field` is named"
        cause = cause_of(resolved, *path, "truncate_field")
        yield unused(resolved, (*path, "truncate_side"), reason, cause)


def check_unused_validation(resolved: ResolvedSpec) -> Iterator[Diagnostic]:
    """Without validation rows nothing is validated, however often."""
    validated = any(task.data.validation is not None for task in resolved.spec.tasks.values())
    if not validated and says_something(resolved.spec.training, "val_check_interval"):
        path = ("training", "val_check_interval")
        yield unused(resolved, path, "no task has validation rows", None)


def check_unused_sampling(resolved: ResolvedSpec) -> Iterator[Diagnostic]:
    """Greedy generation draws nothing."""
    inference = resolved.spec.inference
    for key in _SAMPLING_KEYS if inference.greedy else ():
        if says_something(inference, key):
            reason = "with `greedy: true` nothing is drawn"
            cause = cause_of(resolved, "inference", "greedy")
            yield unused(resolved, ("inference", key), reason, cause)


def check_unused_schedule(resolved: ResolvedSpec) -> Iterator[Diagnostic]:
    """A constant learning rate does not end lower."""
    path = ("training", "optim", "sched")
    sched = resolved.spec.training.optim.sched
    for key in ("constant_steps", "min_lr") if sched.name is ScheduleName.CONSTANT else ():
        if says_something(sched, key):
            reason = "the schedule `constant` does not use it"
            yield unused(resolved, (*path, key), reason, cause_of(resolved, *path, "name"))


def check_unused_revision(resolved: ResolvedSpec) -> Iterator[Diagnostic]:
    """Only a hub id has revisions."""
    if resolved.spec.model.revision is None or resolved.model_kind is ModelSourceKind.HUB:
        return
    reason = "only a hub id has revisions"
    yield unused(resolved, ("model", "revision"), reason, cause_of(resolved, "model", "source"))


def check_unused_weight_shards(resolved: ResolvedSpec) -> Iterator[Diagnostic]:
    """One replica has no other to share weights out to."""
    layout = resolved.spec.parallelism
    model_size = layout.tensor_model_parallel_size * layout.pipeline_model_parallel_size
    if layout.shard_base_model and layout.num_nodes * layout.devices <= model_size:
        path = ("parallelism", "shard_base_model")
        cause = cause_of(resolved, "parallelism", "devices")
        yield unused(resolved, path, "there is one replica of the model", cause)


def says_something(section: Section, key: str) -> bool:
    """Whether a field is given and differs from its default."""
    default = type(section).model_fields[key].get_default(call_default_factory=True)
    return key in section.model_fields_set and getattr(section, key) != default


def cause_of(resolved: ResolvedSpec, *path: str) -> Label | None:
    """The field that leaves another one without effect, where the spec says it."""
    if not resolved.is_given(*path):
        return None
    return Label(span=resolved.place(*path), text="because of this")


def unused(resolved: ResolvedSpec, path: Path, reason: str, cause: Label | None) -> Diagnostic:
    """The diagnostic of a field without effect. cause: the field that makes it so."""
    return rules.UNUSED_FIELD.at(
        key_label(resolved, "", *path).span,
        key=path[-1],
        reason=reason,
        labels=[cause] if cause else [],
        help="remove it",
        fix=_without(resolved, path),
    )


def _without(resolved: ResolvedSpec, path: Path) -> Fix | None:
    """The field taken out. A guess: the other one may be what is wrong."""
    owner = resolved.tree.find(path[:-1])
    if not isinstance(owner, MappingNode):
        return None
    for (_, previous), (key, value) in pairwise(owner.entries):
        if key.text == path[-1] and key.span.source is value.span.source:
            cut = removal(key.span.to(value.span), previous=previous.span)
            return Fix.guess(cut, "") if cut else None
    return None  # it is the first one, and what is left may be nothing
