#!/usr/bin/env bash
# Trains and evaluates one experiment on this machine, from any folder.
# Compiled by softprompt 0.1.0 from sentiment.yaml.
# Spec sha256 923d186ad97a3deda72853cfaf76eecc967e2d6d063c1e8374124f2032846b2b, plan format 4.
# Do not edit: edit the spec and compile again.
set -euo pipefail
here="$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)"

# --smoke: the same run, a few steps long, on a tiny model, in a folder of its own.
case "${1:-}" in
  '') ;;
  --smoke) export SOFTPROMPT_SMOKE=1 ;;
  *) echo "usage: bash launch.sh [--smoke]" >&2; exit 2 ;;
esac

# PYTHON names the interpreter that softprompt's runtime is installed for.
"${PYTHON:-python}" "$here/train.py"
exec "${PYTHON:-python}" "$here/evaluate.py"
