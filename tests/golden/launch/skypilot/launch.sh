#!/usr/bin/env bash
# Trains and evaluates one experiment; started on each machine.
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

# Secrets come from whoever starts the run, and are written nowhere.
export HF_TOKEN="${HF_TOKEN:?is a secret of this run, and not set}"

# PYTHON names the interpreter that softprompt's runtime is installed for.
export TORCH_DISABLE_SHARE_RDZV_TCP_STORE=1 # a restart would read the last attempt's store
host="${SKYPILOT_NODE_IPS%%$'\n'*}" rank="$SKYPILOT_NODE_RANK" port=29400
mapfile -t addresses <<<"$SKYPILOT_NODE_IPS"
meeting=(--local-addr="${addresses[rank]}")
[[ -z "$rank" ]] || meeting+=(--rdzv-conf="is_host=$((rank == 0))")
start() { # SCRIPT PORT
  "${PYTHON:-python}" -m torch.distributed.run --nnodes=2 --nproc-per-node=8 \
    --max-restarts=3 --rdzv-backend=c10d --rdzv-endpoint="$host:$2" \
    --rdzv-id=mood "${meeting[@]}" "$here/$1"
}
start train.py "$port"
start evaluate.py "$((port + 1))"
