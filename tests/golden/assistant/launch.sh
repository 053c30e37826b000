#!/usr/bin/env bash
# Trains and evaluates one experiment on this machine; runs from any folder.
# Compiled by softprompt 0.1.0 from assistant.yaml.
# Spec sha256 804fd2f629e1935927155ca16a0198f84e3aac0e8d2db31434783c8185e83130, plan format 2.
# Do not edit: edit the spec and compile again.
set -euo pipefail
here="$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)"

# PYTHON names the interpreter that softprompt's runtime is installed for.
"${PYTHON:-python}" "$here/train.py"
exec "${PYTHON:-python}" "$here/evaluate.py"
