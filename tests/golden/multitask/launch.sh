#!/usr/bin/env bash
# Trains and evaluates one experiment on this machine; runs from any folder.
# Compiled by softprompt 0.1.0 from multitask.yaml.
# Spec sha256 4a302f14a3c18a565b8c69674878d9e8ea31127b8af4148043d34b31f48d3b18, plan format 2.
# Do not edit: edit the spec and compile again.
set -euo pipefail
here="$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)"

# PYTHON names the interpreter that softprompt's runtime is installed for.
"${PYTHON:-python}" "$here/train.py"
exec "${PYTHON:-python}" "$here/evaluate.py"
