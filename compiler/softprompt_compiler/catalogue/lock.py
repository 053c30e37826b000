"""SP037x: what a lock holds, and what is there, differ."""

from softprompt_compiler.catalogue.rule import Rule
from softprompt_compiler.diagnostic import Severity

_ERROR = Severity.ERROR
_NOTE = Severity.NOTE

LOCK_NOT_FOUND = Rule("SP0370", "lock-not-found", _ERROR, "there is no lock `{path}`")
LOCK_UNREADABLE = Rule("SP0371", "lock-unreadable", _ERROR, "the lock cannot be used: {reason}")
LOCKED_VALUE_DIFFERS = Rule(
    "SP0372", "locked-value-differs", _ERROR, "`{key}` is {found}, and {locked} was locked"
)
LOCKED_DATA_DIFFERS = Rule(
    "SP0373",
    "locked-data-differs",
    _ERROR,
    "the {split} data of task `{task}` is not what was locked",
)
LOCKED_MODEL_DIFFERS = Rule(
    "SP0374", "locked-model-differs", _ERROR, "the base model's {part} is not what was locked"
)
LOCKED_VERSION_DIFFERS = Rule(
    "SP0375",
    "locked-version-differs",
    _ERROR,
    "{package} {found} is installed, and {locked} was locked",
)
LOCK_NOT_CHECKED = Rule(
    "SP0376", "lock-not-checked", _NOTE, "the lock is not checked against {what}: {reason}"
)
