"""The YAML files of a plan: trainjob.yaml, sky.yaml, ci.yml.

They are built as values and written by `yaml_text`; no template puts text into YAML.
"""

import shlex
from typing import Any

from softprompt_compiler.yaml_text import yaml_text
from softprompt_plan.launch_plan import CiPlan, KubernetesPlan, SkypilotPlan
from softprompt_plan.plan import Plan
from softprompt_plan.vocabulary import Accelerator

SMOKE = "SOFTPROMPT_SMOKE"
_TRAINER = "trainer.kubeflow.org"


def yaml_files(plan: Plan, spec_name: str, header: str) -> dict[str, str]:
    """The YAML files that the plan's target and its `ci` ask for. header: comment lines."""
    launch = plan.launch
    files: dict[str, Any] = {}
    if launch.kubernetes:
        files["trainjob.yaml"] = _train_job(plan, launch.kubernetes, smoke=False)
        files["trainjob-smoke.yaml"] = _train_job(plan, launch.kubernetes, smoke=True)
    if launch.skypilot:
        files["sky.yaml"] = _sky_task(plan, launch.skypilot)
    if launch.ci:
        files["ci.yml"] = _workflow(plan, launch.ci, spec_name)
    return {name: header + yaml_text(value) for name, value in files.items()}


def smoke_job_name(name: str) -> str:
    """The name of the TrainJob that tries the set-up."""
    return f"{name}-smoke"


def _said(values: dict[str, Any]) -> dict[str, Any]:
    """Without what is left out."""
    return {key: value for key, value in values.items() if value not in (None, {}, [])}


def _train_job(plan: Plan, kubernetes: KubernetesPlan, *, smoke: bool) -> dict[str, Any]:
    name = smoke_job_name(kubernetes.name) if smoke else kubernetes.name
    script = f"{kubernetes.folder.rstrip('/')}/launch.sh"
    return {
        "apiVersion": f"{_TRAINER}/v1alpha1",
        "kind": "TrainJob",
        "metadata": _said({"name": name, "namespace": kubernetes.namespace}),
        "spec": {
            "runtimeRef": {
                "apiGroup": _TRAINER,
                "kind": "ClusterTrainingRuntime",
                "name": kubernetes.runtime,
            },
            "trainer": _said(
                {
                    "image": kubernetes.image,
                    "command": ["bash", _unexpanded(script)],
                    "args": ["--smoke"] if smoke else [],
                    "numNodes": plan.parallelism.num_nodes,
                    "numProcPerNode": plan.parallelism.devices,
                    "resourcesPerNode": _resources(plan, kubernetes),
                    "env": [_secret(name, kubernetes.secret) for name in plan.launch.secrets],
                }
            ),
            "runtimePatches": [_pods(kubernetes)],
        },
    }


def _unexpanded(text: str) -> str:
    """Kubernetes reads `$(NAME)` in commands as a variable, and `$$` as `$`."""
    return text.replace("$", "$$")


def _secret(name: str, secret: str) -> dict[str, Any]:
    return {"name": name, "valueFrom": {"secretKeyRef": {"name": secret, "key": name}}}


def _resources(plan: Plan, kubernetes: KubernetesPlan) -> dict[str, Any]:
    layout = plan.parallelism
    amounts = _said({"cpu": kubernetes.cpu, "memory": kubernetes.memory})
    if layout.accelerator is not Accelerator.CPU:
        amounts[kubernetes.gpu_resource] = str(layout.devices)
    return {"requests": amounts, "limits": amounts} if amounts else {}


def _pods(kubernetes: KubernetesPlan) -> dict[str, Any]:
    """The patch of the runtime's pods: time to save, shared memory for NCCL, mounts."""
    volumes: list[dict[str, Any]] = [
        {"name": "shared-memory", "emptyDir": {"medium": "Memory"}},
        *(
            {"name": f"mount-{at}", "persistentVolumeClaim": {"claimName": claim}}
            for at, (_, claim) in enumerate(kubernetes.mounts)
        ),
    ]
    paths = ["/dev/shm", *(path for path, _ in kubernetes.mounts)]  # noqa: S108 - the pod's own
    mounts = [
        {"name": volume["name"], "mountPath": path}
        for volume, path in zip(volumes, paths, strict=True)
    ]
    pod = _said(
        {
            "serviceAccountName": kubernetes.service_account,
            "terminationGracePeriodSeconds": kubernetes.save_seconds,
            "volumes": volumes,
            "containers": [{"name": "node", "volumeMounts": mounts}],
        }
    )
    job = {"name": "node", "template": {"spec": {"template": {"spec": pod}}}}
    return {
        "manager": "softprompt.dev/compile",
        "trainingRuntimeSpec": {"template": {"spec": {"replicatedJobs": [job]}}},
    }


def _sky_task(plan: Plan, sky: SkypilotPlan) -> dict[str, Any]:
    layout = plan.parallelism
    gpus = f"{sky.accelerator}:{layout.devices}" if sky.accelerator else None
    resources = {
        "infra": f"{sky.cloud or '*'}/{sky.region}" if sky.region else sky.cloud,
        "accelerators": None if layout.accelerator is Accelerator.CPU else gpus,
        "use_spot": sky.spot,
        "image_id": sky.image,
    }
    return _said(
        {
            "name": plan.name,
            "workdir": sky.workdir,
            "num_nodes": layout.num_nodes,
            "resources": _said(resources),
            "file_mounts": dict(sky.mounts),
            "envs": {SMOKE: "0"},
            "secrets": dict.fromkeys(plan.launch.secrets),
            "run": f"bash {shlex.quote(sky.folder.rstrip('/') + '/launch.sh')}",
        }
    )


def _workflow(plan: Plan, ci: CiPlan, spec_name: str) -> dict[str, Any]:
    spec = ci.spec or f"specs/{spec_name}"
    layout = plan.parallelism
    group = layout.tensor_model_parallel_size * layout.pipeline_model_parallel_size
    here = ["launch.target=local", "parallelism.accelerator=cpu"]
    here += ["parallelism.num_nodes=1", f"parallelism.devices={group}"]
    small = [part for setting in here for part in ("--set", setting)]
    steps = [
        {"uses": "actions/checkout@v5"},
        {"uses": "actions/setup-python@v6", "with": {"python-version": _literal(ci.python)}},
        _command("Install", "pip", "install", ci.requirement),
        _command("Validate", "spec", "validate", spec),
        _command("Compile", "spec", "compile", spec, "--out", ci.folder, "--check"),
        _command("Try", "spec", "run", spec, "--smoke", "--out", "build/ci", *small),
    ]
    job = {"runs-on": _literal(ci.runs_on), "timeout-minutes": 30, "steps": steps}
    return {
        "name": _literal(f"spec {plan.name}"),
        "on": {"push": {}, "pull_request": {}},
        "permissions": {"contents": "read"},
        "jobs": {"spec": job},
    }


def _command(name: str, *words: str) -> dict[str, Any]:
    return {"name": name, "run": _literal(shlex.join(words))}


def _literal(text: str) -> str:
    """GitHub reads `${{ ... }}` as an expression wherever it stands; this one gives the text."""
    return text.replace("${{", "${{ '${{' }}")
