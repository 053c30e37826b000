"""Launch plans for tests."""

from softprompt_plan.launch_plan import LaunchPlan
from softprompt_plan.vocabulary import LaunchTarget

LOCAL = LaunchPlan(
    target=LaunchTarget.LOCAL,
    setup=(),
    environment=(),
    secrets=(),
    timeout_seconds=1800,
    torchrun=None,
    slurm=None,
    kubernetes=None,
    skypilot=None,
    ci=None,
)
