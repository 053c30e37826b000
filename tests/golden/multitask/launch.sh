#!/usr/bin/env bash
# Trains and evaluates one experiment on this machine; runs from any folder.
# Compiled by softprompt 0.1.0 from multitask.yaml.
# Spec sha256 a1d8d9a6fc220b4d115d5325e6800bd892d3aecf1c77cca61c6e48d37d1d74ee, plan format 2.
# Do not edit: edit the spec and compile again.
set -euo pipefail
here="$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)"

# PYTHON names the interpreter that softprompt's runtime is installed for.
"${PYTHON:-python}" "$here/train.py"
exec "${PYTHON:-python}" "$here/evaluate.py"
