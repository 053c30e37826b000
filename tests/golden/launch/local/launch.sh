#!/usr/bin/env bash
# Trains and evaluates one experiment on this machine, from any folder.
# Compiled by softprompt 0.1.0 from mood.yaml.
# Spec sha256 0000000000000000000000000000000000000000000000000000000000000000, plan format 4.
# Do not edit: edit the spec and compile again.
set -euo pipefail
here="$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)"

# --smoke: the same run, a few steps long, on a tiny model, in a folder of its own.
case "${1:-}" in
  '') ;;
  --smoke) export SOFTPROMPT_SMOKE=1 ;;
  *) echo "usage: bash launch.sh [--smoke]" >&2; exit 2 ;;
esac

# The run's environment.
export SOFTPROMPT_TIMEOUT=1800 # seconds that its processes wait for one of them
export OMP_NUM_THREADS=2

# Set-up lines of the spec, as they are.
ulimit -n 4096

# PYTHON names the interpreter that softprompt's runtime is installed for.
torchrun=("${PYTHON:-python}" -m torch.distributed.run --standalone --nproc-per-node=2
  --max-restarts=0)
"${torchrun[@]}" "$here/train.py"
exec "${torchrun[@]}" "$here/evaluate.py"
