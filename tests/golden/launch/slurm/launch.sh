#!/usr/bin/env bash
# Hands one experiment in to SLURM; inside the job, starts one rank of it.
# Compiled by softprompt 0.1.0 from mood.yaml.
# Spec sha256 0000000000000000000000000000000000000000000000000000000000000000, plan format 4.
# Do not edit: edit the spec and compile again.
set -euo pipefail
here="$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)"

# --smoke: the same run, a few steps long, on a tiny model, in a folder of its own.
case "${1:-}" in
  '') ;;
  --smoke) export SOFTPROMPT_SMOKE=1 ;;
  --rank) ;; # what the job starts, once a device: --rank SCRIPT
  *) echo "usage: bash launch.sh [--smoke]" >&2; exit 2 ;;
esac

# The run's environment.
export SOFTPROMPT_TIMEOUT=1800 # seconds that its processes wait for one of them

# Secrets come from whoever starts the run, and are written nowhere.
export HF_TOKEN="${HF_TOKEN:?is a secret of this run, and not set}"

# Outside of a job: hand the job in.
if [[ "${1:-}" != --rank ]]; then
  export SOFTPROMPT_RUNS="${SOFTPROMPT_RUNS:-$PWD/runs}"
  cd -- "$here" && exec sbatch ./mood.sbatch
fi

# Set-up lines of the spec, as they are.
export MODULES=cuda

# PYTHON names the interpreter that softprompt's runtime is installed for.
export RANK="$SLURM_PROCID" LOCAL_RANK="$SLURM_LOCALID" WORLD_SIZE="$SLURM_NTASKS"
export LOCAL_WORLD_SIZE=2
exec "${PYTHON:-python}" "$here/$2"
