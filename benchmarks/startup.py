"""How long `spec validate SPEC --no-data` takes, beside importing pydantic and typer.

    python benchmarks/startup.py [SPEC] [--rounds 20] [--imports]

Both run in fresh interpreters, in turn, so that a busy machine slows both. CPU seconds (user and
system) are compared; wall time is shown. A first round, which is not counted, writes the bytecode
of what has changed: without it each run would compile those modules again. `--imports` lists what
the command's imports cost.
"""

import argparse
import os
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BASELINE = ["-c", "import pydantic, typer"]
_NO_BYTECODE = "PYTHONDONTWRITEBYTECODE"


def main() -> None:
    options = _options()
    command = ["-m", "softprompt_compiler", "validate", options.spec, "--no-data"]
    if options.imports:
        _list_imports(command)
        return
    ours, baseline = [], []
    _measure(command)
    for _ in range(options.rounds):
        baseline.append(_measure(BASELINE))
        ours.append(_measure(command))
    for name, runs in (("import pydantic, typer", baseline), ("spec validate --no-data", ours)):
        cpu, wall = (statistics.median(values) for values in zip(*runs, strict=True))
        least = min(run[0] for run in runs)
        print(
            f"{name:26} {cpu:.3f} s CPU  {wall:.3f} s wall  (median of {len(runs)}; "
            f"{least:.3f} s CPU at least)"
        )
    ratio = statistics.median(a[0] for a in ours) / statistics.median(b[0] for b in baseline)
    of_least = min(ours)[0] / min(baseline)[0]
    print(f"ratio of CPU time          {ratio:.2f}, of the least {of_least:.2f}")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="How long spec validate --no-data takes.")
    parser.add_argument("spec", nargs="?", default=str(ROOT / "specs" / "quickstart.yaml"))
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--imports", action="store_true")
    return parser.parse_args()


def _environment() -> dict[str, str]:
    roots = [str(ROOT / name) for name in ("compiler", "templates")]
    inherited = {name: os.environ[name] for name in os.environ if name != _NO_BYTECODE}
    return {**inherited, "PYTHONPATH": os.pathsep.join(roots)}


def _measure(arguments: list[str]) -> tuple[float, float]:
    """CPU and wall seconds of one fresh interpreter."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    started = time.perf_counter()
    subprocess.run(
        [sys.executable, *arguments], env=_environment(), stdout=subprocess.DEVNULL, check=True
    )
    wall = time.perf_counter() - started
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return cpu, wall


def _list_imports(command: list[str], count: int = 30) -> None:
    done = subprocess.run(
        [sys.executable, "-X", "importtime", *command],
        env=_environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    lines = [line.split("|") for line in done.stderr.splitlines() if line.startswith("import time")]
    own = sorted(
        ((int(line[0].split(":")[1]), line[2].strip()) for line in lines[1:]), reverse=True
    )
    for microseconds, name in own[:count]:
        print(f"{microseconds / 1000:8.1f} ms  {name}")
    print(f"{sum(each for each, _ in own) / 1000:8.1f} ms  all {len(own)} modules")


if __name__ == "__main__":
    main()
