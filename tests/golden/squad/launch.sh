#!/usr/bin/env bash
# Trains and evaluates one experiment on this machine; runs from any folder.
# Compiled by softprompt 0.1.0 from squad.yaml.
# Spec sha256 d36dd10e8375cd24c5473f485900f1ae4215d442f886d7f53c85aff70a9cf4a7, plan format 2.
# Do not edit: edit the spec and compile again.
set -euo pipefail
here="$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)"

# PYTHON names the interpreter that softprompt's runtime is installed for.
"${PYTHON:-python}" "$here/train.py"
exec "${PYTHON:-python}" "$here/evaluate.py"
