#!/usr/bin/env bash
# Trains and evaluates one experiment; started in each pod.
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
# The TrainJob's PET_* variables say how many pods there are and where the first one is. A pod's
# SIGTERM reaches this shell only, which hands it on: the run saves before it ends.
start() { # SCRIPT PORT
  "${PYTHON:-python}" -m torch.distributed.run --master-port="$2" "$here/$1" &
  local child=$! code=0
  trap 'kill -TERM "$child"' TERM
  wait "$child" || code=$?
  if ((code == 143)); then code=0 && wait "$child" || code=$?; fi
  return "$code"
}
start train.py "${PET_MASTER_PORT:-29500}"
start evaluate.py "$((${PET_MASTER_PORT:-29500} + 1))"
