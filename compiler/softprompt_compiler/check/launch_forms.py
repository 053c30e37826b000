"""SP0274 to SP0278, SP0282 and SP0283: words that what starts the run would refuse or misread.

Only the target's own section is looked at: the others are not used.
"""

import re
from collections.abc import Iterator

from softprompt_compiler.catalogue import launch as rules
from softprompt_compiler.check.places import key_label
from softprompt_compiler.diagnostic import Diagnostic, Fix
from softprompt_compiler.resolved import ResolvedSpec
from softprompt_compiler.spec.section import Section
from softprompt_compiler.tree import Path
from softprompt_plan.vocabulary import LaunchTarget

# Patterns as text: `re` compiles one when a spec needs it, and keeps it. Most specs name no target.

# A DNS label (RFC 1123). 63 letters are a label's most; the pods of a TrainJob add `-node-0-0`, and
# the trial job `-smoke`.
_DNS_LABEL = r"[a-z0-9]([a-z0-9-]*[a-z0-9])?"
_LONGEST_LABEL, _LONGEST_JOB = 63, 40
_DNS_NAME = r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?"  # a subdomain
_SLURM_WORD = r"[A-Za-z0-9_][A-Za-z0-9_.,+-]*"
_ENDPOINT = r"([A-Za-z0-9_.-]+):([0-9]{1,5})"
_LAST_PORT = 65534  # the one after it is used too
_TIME = (
    r"(?P<days>\d+)-(?P<dh>\d{1,2})(:(?P<dm>\d{1,2})(:(?P<ds>\d{1,2}))?)?"
    r"|(?P<h>\d+):(?P<hm>\d{1,2}):(?P<hs>\d{1,2})|(?P<m>\d+)(:(?P<ms>\d{1,2}))?"
)
_SLURM_MEMORY = r"[1-9][0-9]*[KMGT]?"
_QUANTITY = r"([0-9]*[1-9][0-9]*(\.[0-9]+)?)(m|k|M|G|T|P|Ki|Mi|Gi|Ti|Pi)?"
_RESOURCE = r"[a-z0-9.-]+/[A-Za-z0-9]([A-Za-z0-9_.-]*[A-Za-z0-9])?"
_CONTROL = r"[\x00-\x1f\x7f\x85\u2028\u2029]"


def seconds(time_limit: str) -> int | None:
    """The seconds of a time as SLURM writes it; None if it is none."""
    match = re.fullmatch(_TIME, time_limit)
    if not match:
        return None
    part = {name: int(text or 0) for name, text in match.groupdict().items()}
    hours = part["days"] * 24 + part["dh"] + part["h"]
    minutes = hours * 60 + part["dm"] + part["hm"] + part["m"]
    return minutes * 60 + part["ds"] + part["hs"] + part["ms"]


def check_rendezvous(resolved: ResolvedSpec) -> Iterator[Diagnostic]:
    """SP0274: where machines meet."""
    launch = resolved.spec.launch
    text = launch.torchrun.rendezvous
    if launch.target is not LaunchTarget.TORCHRUN or text is None:
        return
    match = re.fullmatch(_ENDPOINT, text)
    if not match or not 1 <= int(match[2]) <= _LAST_PORT:
        span = resolved.place("launch", "torchrun", "rendezvous")
        hint = f"write a name or address and a port of 1 to {_LAST_PORT}, such as `node1:29400`"
        yield rules.RENDEZVOUS_FORM.at(span, key="rendezvous", help=hint)


def check_kubernetes_names(resolved: ResolvedSpec) -> Iterator[Diagnostic]:
    """SP0275: names that the API server takes."""
    launch = resolved.spec.launch
    if launch.target is not LaunchTarget.KUBERNETES:
        return
    section, path = launch.kubernetes, ("launch", "kubernetes")
    if section.name is None:
        yield from _job_name(resolved, ("name",), resolved.spec.name)
    else:
        yield from _job_name(resolved, (*path, "name"), section.name)
    if section.namespace is not None:
        yield from _label(resolved, (*path, "namespace"), section.namespace, "namespace")
    for key, thing in (
        ("service_account", "service account"),
        ("secret", "Secret"),
        ("runtime", "ClusterTrainingRuntime"),
    ):
        value = getattr(section, key)
        if value is not None and not _is_dns_name(value):
            yield _bad_name(resolved, (*path, key), thing)
    for mount, claim in section.mounts.items():
        if not _is_dns_name(claim):
            yield _bad_name(resolved, (*path, "mounts", mount), "PersistentVolumeClaim")


def _job_name(resolved: ResolvedSpec, path: Path, name: str) -> Iterator[Diagnostic]:
    if not re.fullmatch(_DNS_LABEL, name) or not name[0].isalpha() or len(name) > _LONGEST_JOB:
        meant = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:_LONGEST_JOB].strip("-")
        meant = meant if meant[:1].isalpha() else f"run-{meant}".strip("-")
        hint = f"write `launch: {{kubernetes: {{name: {meant}}}}}`; the run keeps its own name"
        yield _bad_name(resolved, path, "TrainJob", hint)


def _label(resolved: ResolvedSpec, path: Path, name: str, thing: str) -> Iterator[Diagnostic]:
    if not re.fullmatch(_DNS_LABEL, name) or len(name) > _LONGEST_LABEL:
        yield _bad_name(resolved, path, thing)


def _is_dns_name(name: str) -> bool:
    return bool(re.fullmatch(_DNS_NAME, name)) and len(name) <= 253


def _bad_name(resolved: ResolvedSpec, path: Path, thing: str, *hints: str) -> Diagnostic:
    letters = "it takes small letters, digits and `-`, and neither begins nor ends with `-`"
    if thing == "TrainJob":
        letters = f"it takes small letters, digits and `-`, a letter first, {_LONGEST_JOB} at most"
    return rules.KUBERNETES_NAME.at(resolved.place(*path), thing=thing, help=[*hints, letters])


def check_slurm_words(resolved: ResolvedSpec) -> Iterator[Diagnostic]:
    """SP0276 to SP0278: what stands behind `#SBATCH`, where nothing can be quoted."""
    launch = resolved.spec.launch
    if launch.target is not LaunchTarget.SLURM:
        return
    section, path = launch.slurm, ("launch", "slurm")
    for key in ("partition", "account", "qos", "gpu_type"):
        value = getattr(section, key)
        if value is not None and not re.fullmatch(_SLURM_WORD, value):
            hint = "write one word of letters, digits, `_`, `.`, `-` and `,`"
            yield rules.SLURM_WORD.at(resolved.place(*path, key), key=key, help=hint)
    if section.time_limit is not None and not seconds(section.time_limit):
        hint = "write `HH:MM:SS` or `D-HH:MM:SS`, such as `12:00:00`"
        yield rules.TIME_LIMIT_FORM.at(resolved.place(*path, "time_limit"), help=hint)
    if section.memory is not None and not re.fullmatch(_SLURM_MEMORY, section.memory):
        yield _bad_amount(resolved, (*path, "memory"), "SLURM", "`64G`", section.memory, "G")


def check_kubernetes_amounts(resolved: ResolvedSpec) -> Iterator[Diagnostic]:
    """SP0278: quantities of Kubernetes."""
    launch = resolved.spec.launch
    if launch.target is not LaunchTarget.KUBERNETES:
        return
    section, path = launch.kubernetes, ("launch", "kubernetes")
    for key, example in (("cpu", "`16`"), ("memory", "`128Gi`")):
        value = getattr(section, key)
        if value is not None and not re.fullmatch(_QUANTITY, value):
            yield _bad_amount(resolved, (*path, key), "Kubernetes", example, value, "Gi")
    if not re.fullmatch(_RESOURCE, section.gpu_resource):
        place = (*path, "gpu_resource")
        yield _bad_amount(resolved, place, "Kubernetes", "`nvidia.com/gpu`", "", "")


def _bad_amount(
    resolved: ResolvedSpec, path: Path, reader: str, example: str, value: str, unit: str
) -> Diagnostic:
    span = resolved.place(*path)
    meant = re.fullmatch(r"([0-9]+)\s*(g|gb|gib)", value.lower())
    fix = Fix.guess(span, f"{meant[1]}{unit}") if meant else None
    hint = f"write `{meant[1]}{unit}`" if meant else f"write something like {example}"
    return rules.AMOUNT_FORM.at(span, key=path[-1], reader=reader, help=hint, fix=fix)


def check_control_characters(resolved: ResolvedSpec) -> Iterator[Diagnostic]:
    """SP0282: an option is one line. A NUL, which no shell can hold, is no text: SP0033."""
    launch = resolved.spec.launch
    sections: list[tuple[str, Section | None]] = [("ci", launch.ci)]
    if launch.target is not LaunchTarget.LOCAL:
        sections.append((launch.target.value, getattr(launch, launch.target.value)))
    for key, section in sections:
        for field in type(section).model_fields if section else ():
            value = getattr(section, field)
            if isinstance(value, str) and re.search(_CONTROL, value):
                span = resolved.place("launch", key, field)
                yield rules.OPTION_LINE.at(span, key=field, help="remove it")


def check_mounts(resolved: ResolvedSpec) -> Iterator[Diagnostic]:
    """SP0283: paths of a container, and the folder in it."""
    launch = resolved.spec.launch
    if launch.target not in (LaunchTarget.SLURM, LaunchTarget.KUBERNETES, LaunchTarget.SKYPILOT):
        return
    section, path = getattr(launch, launch.target.value), ("launch", launch.target.value)
    folder = launch.kubernetes.folder if launch.target is LaunchTarget.KUBERNETES else None
    if folder is not None and (reason := _why_no_folder(folder)):
        span = resolved.place(*path, "folder")
        yield rules.MOUNT_PATH.at(span, thing="the folder in a container", reason=reason)
    for target, source in section.mounts.items():
        place = (*path, "mounts", target)
        reason = _why_no_folder(target)
        if launch.target is LaunchTarget.SKYPILOT and target.startswith("~/"):
            reason = None
        if launch.target is LaunchTarget.SLURM:
            reason = reason or _why_no_pyxis(target + source)
        if reason:
            span = key_label(resolved, "", *place).span
            yield rules.MOUNT_PATH.at(span, thing="a mount", reason=reason)


def _why_no_folder(path: str) -> str | None:
    if not path.startswith("/"):
        return "the path is not absolute"
    return "a control character is in it" if re.search(_CONTROL, path) else None


def _why_no_pyxis(text: str) -> str | None:
    return "SLURM separates mounts by `,` and `:`" if re.search(r"[,:]", text) else None
