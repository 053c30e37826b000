"""Two hosts, network namespaces of this machine, that torchrun joins; one dies and comes back."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.cluster.small_runs import SmallRun, small_run

_HERE = Path(__file__).parent
_MISSING = [tool for tool in ("unshare", "ip", "nsenter") if shutil.which(tool) is None]
LAUNCH = """\
  target: torchrun
  timeout_seconds: 60
  torchrun: {rendezvous: "192.0.2.1:29400", network_interface: eth0, max_restarts: 3}"""

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="namespaces need root"),
    pytest.mark.skipif(bool(_MISSING), reason=f"not installed: {', '.join(_MISSING)}"),
]

# In the outer namespace, where `on N` runs a command on host N.
_BOTH = """\
on 2 env NODE_RANK=1 bash build/launch.sh &
on 1 env NODE_RANK=0 bash build/launch.sh
wait $!
"""
# Kills all processes of host 2 once the run has saved, and starts it again some seconds later.
_ONE_DIES = """\
on 2 env NODE_RANK=1 bash build/launch.sh &
on 1 env NODE_RANK=0 bash build/launch.sh & first=$!
until ls runs/mood/checkpoints/step-*.ckpt >/dev/null 2>&1; do sleep 0.1; done
ip netns pids host2 | xargs kill -9
echo "host 2 is dead"
sleep 3
on 2 env NODE_RANK=1 bash build/launch.sh & second=$!
wait $first && wait $second
"""


def _on_hosts(run: SmallRun, script: str, names: str) -> str:
    up = ["bash", str(_HERE / "netns_up.sh"), "-n", "2", "-m", names, "--"]
    done = subprocess.run(
        [*up, "bash", "-uc", script],
        cwd=run.folder,
        env=run.environment(),
        capture_output=True,
        text=True,
        check=False,
        timeout=400,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_a_host_that_dies_and_comes_back_leaves_no_trace_in_the_prompt(tmp_path: Path) -> None:
    """Also where each host's own name resolves to a loopback address, and where none does."""
    whole, disturbed = (
        small_run(tmp_path / name, LAUNCH, nodes=2, devices=1) for name in ("whole", "disturbed")
    )
    _on_hosts(whole, _BOTH, "debian")
    said = _on_hosts(disturbed, _ONE_DIES, "none")

    assert whole.steps() == disturbed.steps() == list(range(1, 301))
    assert "going on from step" in said.split("host 2 is dead")[1]
    assert disturbed.table().equal(whole.table())
    assert (disturbed.results() / "metrics.json").is_file()
