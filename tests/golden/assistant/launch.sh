#!/usr/bin/env bash
# Trains and evaluates one experiment on this machine, from any folder.
# Compiled by softprompt 0.1.0 from assistant.yaml.
# Spec sha256 17e9bc5234c16913c8b30a17daa5fbdc26c6568a509927af67b937082575b16c, plan format 4.
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
