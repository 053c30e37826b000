#!/usr/bin/env bash
# Trains and evaluates one experiment on this machine; runs from any folder.
# Compiled by softprompt 0.1.0 from sentiment.yaml.
# Spec sha256 923d186ad97a3deda72853cfaf76eecc967e2d6d063c1e8374124f2032846b2b, plan format 2.
# Do not edit: edit the spec and compile again.
set -euo pipefail
here="$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)"

# PYTHON names the interpreter that softprompt's runtime is installed for.
"${PYTHON:-python}" "$here/train.py"
exec "${PYTHON:-python}" "$here/evaluate.py"
