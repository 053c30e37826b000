"""SP03xx: the spec and the world (model, data) disagree."""

from softprompt_compiler.catalogue.rule import Rule
from softprompt_compiler.diagnostic import Severity

_ERROR = Severity.ERROR
_WARNING = Severity.WARNING
_NOTE = Severity.NOTE

# Paths
UNSET_VARIABLE = Rule(
    "SP0301", "unset-variable", _ERROR, "the environment variable `{variable}` is not set"
)
DATA_FILE_NOT_FOUND = Rule("SP0302", "data-file-not-found", _ERROR, "there is no file `{path}`")
EMPTY_GLOB = Rule("SP0303", "empty-glob", _ERROR, "no file matches `{path}`")
