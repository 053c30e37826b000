"""SP0270 to SP0273, SP0279 to SP0281 and SP0242: what starts the run, against the rest."""

from collections.abc import Iterator

from softprompt_compiler.catalogue import launch as rules
from softprompt_compiler.check.launch_forms import seconds
from softprompt_compiler.check.places import conflict, key_label, stated
from softprompt_compiler.check.unused import cause_of, says_something, unused
from softprompt_compiler.diagnostic import Diagnostic, Label
from softprompt_compiler.resolved import ResolvedSpec
from softprompt_compiler.secrets import is_secret_name
from softprompt_compiler.tree import Path
from softprompt_plan.vocabulary import Accelerator, LaunchTarget

_SECTIONS = (
    LaunchTarget.TORCHRUN,
    LaunchTarget.SLURM,
    LaunchTarget.KUBERNETES,
    LaunchTarget.SKYPILOT,
)
_OWNERS = {
    **dict.fromkeys(
        ("RANK", "LOCAL_RANK", "WORLD_SIZE", "LOCAL_WORLD_SIZE", "GROUP_RANK", "NODE_RANK"),
        "what starts the processes",
    ),
    **dict.fromkeys(("MASTER_ADDR", "MASTER_PORT"), "what starts the processes"),
    **dict.fromkeys(("SOFTPROMPT_SMOKE", "SOFTPROMPT_SEED"), "the launch scripts"),
    "SOFTPROMPT_TIMEOUT": "`launch.timeout_seconds`",
    **dict.fromkeys(("BASH_ENV", "ENV", "SHELLOPTS", "BASHOPTS"), "the shell"),
}
_OWNER_PREFIXES = {
    "TORCHELASTIC_": "torchrun",
    "PET_": "the TrainJob",
    "SLURM_": "SLURM",
    "SBATCH_": "SLURM",
    "SKYPILOT_": "SkyPilot",
}


def check_target_said(resolved: ResolvedSpec) -> Iterator[Diagnostic]:
    """SP0270: a section for a target starts nothing by itself."""
    if resolved.is_given("launch", "target"):
        return
    for target in _SECTIONS:
        if resolved.is_given("launch", target.value):
            yield rules.TARGET_UNSAID.at(
                key_label(resolved, "", "launch", target.value).span,
                key=target.value,
                help=f"write `target: {target}` beside it",
            )


def check_machines(resolved: ResolvedSpec) -> Iterator[Diagnostic]:
    """SP0271 and SP0272: several machines need something that starts and joins them."""
    launch, num_nodes = resolved.spec.launch, resolved.spec.parallelism.num_nodes
    if num_nodes == 1:
        return
    nodes = stated(resolved, num_nodes, "parallelism", "num_nodes")
    if launch.target is LaunchTarget.LOCAL:
        yield conflict(
            rules.LOCAL_MACHINES,
            nodes,
            stated(resolved, "`local`", "launch", "target"),
            num_nodes=num_nodes,
            help="write `launch: {target: torchrun}`, or another target for several machines",
        )
    if launch.target is LaunchTarget.TORCHRUN and launch.torchrun.rendezvous is None:
        yield conflict(
            rules.RENDEZVOUS_MISSING,
            nodes,
            stated(resolved, "`torchrun`", "launch", "target"),
            num_nodes=num_nodes,
            help="write `launch.torchrun.rendezvous: HOST:29400` with the first machine's name",
        )


def check_target_lacks(resolved: ResolvedSpec) -> Iterator[Diagnostic]:
    """SP0273: what a target cannot do without."""
    launch = resolved.spec.launch
    if launch.target is LaunchTarget.KUBERNETES:
        for key in ("image", "folder"):
            if getattr(launch.kubernetes, key) is None:
                yield _lacks(resolved, launch.target, key)
    accelerator = resolved.spec.parallelism.accelerator
    names_none = launch.skypilot.accelerator is None and accelerator is not Accelerator.CPU
    if launch.target is LaunchTarget.SKYPILOT and names_none:
        yield _lacks(resolved, launch.target, "accelerator")


def _lacks(resolved: ResolvedSpec, target: LaunchTarget, key: str) -> Diagnostic:
    section = type(getattr(resolved.spec.launch, target.value))
    shown = (section.model_fields[key].examples or [""])[0]
    return conflict(
        rules.LAUNCH_LACKS,
        stated(resolved, f"`{target}`", "launch", "target"),
        target=target,
        key=f"launch.{target}.{key}",
        help=f"write `launch: {{{target}: {{{key}: {shown}}}}}` with yours",
    )


def check_save_seconds(resolved: ResolvedSpec) -> Iterator[Diagnostic]:
    """SP0279: the run goes on for some time before it is told to stop."""
    slurm = resolved.spec.launch.slurm
    limit = slurm.time_limit and seconds(slurm.time_limit)
    if resolved.spec.launch.target is LaunchTarget.SLURM and limit and limit <= slurm.save_seconds:
        yield conflict(
            rules.NO_TIME_TO_RUN,
            stated(resolved, slurm.time_limit, "launch", "slurm", "time_limit"),
            stated(resolved, slurm.save_seconds, "launch", "slurm", "save_seconds"),
            save=slurm.save_seconds,
            limit=limit,
            help="raise `time_limit`, or lower `save_seconds`",
        )


def check_environment(resolved: ResolvedSpec) -> Iterator[Diagnostic]:
    """SP0280 and SP0281: variables that are somebody else's, and secrets in the open."""
    launch = resolved.spec.launch
    for name in launch.environment:
        path = ("launch", "environment", name)
        if owner := _owner(name):
            yield _reserved(resolved, path, name, owner)
        if name in launch.secrets and not is_secret_name(name):  # else SP0132 says it
            at = launch.secrets.index(name)
            secret = Label(span=resolved.place("launch", "secrets", at), text="a secret")
            yield rules.SECRET_SHOWN.at(
                key_label(resolved, "", *path).span,
                labels=[secret],
                name=name,
                help="remove it here; the value comes from the environment that starts the run",
            )
    for at, name in enumerate(launch.secrets):
        if owner := _owner(name):
            yield _reserved(resolved, ("launch", "secrets", at), name, owner)


def _owner(name: str) -> str | None:
    for prefix, owner in _OWNER_PREFIXES.items():
        if name.startswith(prefix):
            return owner
    return _OWNERS.get(name)


def _reserved(resolved: ResolvedSpec, path: Path, name: str, owner: str) -> Diagnostic:
    span = resolved.place(*path) if path[1] == "secrets" else key_label(resolved, "", *path).span
    return rules.RESERVED_VARIABLE.at(span, name=name, owner=owner, help="remove it")


def check_unused_launch(resolved: ResolvedSpec) -> Iterator[Diagnostic]:
    """SP0242: keys of the target's own section that another field leaves without effect."""
    launch, layout = resolved.spec.launch, resolved.spec.parallelism
    if launch.target is LaunchTarget.TORCHRUN and layout.num_nodes == 1:
        for key in ("rendezvous", "network_interface"):
            if says_something(launch.torchrun, key):
                reason = "one machine meets nobody"
                yield unused(resolved, ("launch", "torchrun", key), reason, None)
    if layout.num_nodes * layout.devices == 1 and says_something(launch, "timeout_seconds"):
        reason = "one process waits for nobody"
        yield unused(resolved, ("launch", "timeout_seconds"), reason, None)
    in_container = launch.target is not LaunchTarget.SLURM or launch.slurm.image is not None
    if not in_container and says_something(launch.slurm, "mounts"):
        reason = "without `image` there is no container"
        yield unused(resolved, ("launch", "slurm", "mounts"), reason, None)
    if layout.accelerator is not Accelerator.CPU:
        return
    cause = cause_of(resolved, "parallelism", "accelerator")
    gpu_keys = {
        LaunchTarget.SLURM: "gpu_type",
        LaunchTarget.KUBERNETES: "gpu_resource",
        LaunchTarget.SKYPILOT: "accelerator",
    }
    key = gpu_keys.get(launch.target)
    if key and says_something(getattr(launch, launch.target.value), key):
        reason = "a run on CPUs asks for no GPUs"
        yield unused(resolved, ("launch", launch.target.value, key), reason, cause)
