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

# The model
MODEL_NOT_FOUND = Rule("SP0310", "model-not-found", _ERROR, "the model is not there: {reason}")
MODEL_UNREADABLE = Rule("SP0311", "model-unreadable", _ERROR, "the model cannot be used: {reason}")
MODEL_NOT_HERE = Rule(
    "SP0312",
    "model-not-here",
    _WARNING,
    "`{source}` is not on this machine, so the spec is not checked against it",
)

# A trained soft prompt
SOFT_PROMPT_NOT_FOUND = Rule(
    "SP0320", "soft-prompt-not-found", _ERROR, "there is no soft prompt in `{path}`"
)
SOFT_PROMPT_UNREADABLE = Rule(
    "SP0321", "soft-prompt-unreadable", _ERROR, "the soft prompt in `{path}` is damaged: {reason}"
)
NOTHING_TO_TRAIN = Rule(
    "SP0322", "nothing-to-train", _ERROR, "every task is in `restore_path` already: {tasks}"
)
RESTORED_TASK_DIFFERS = Rule(
    "SP0323",
    "restored-task-differs",
    _ERROR,
    "task `{task}` is kept from `restore_path`, and was trained with another `{key}`",
)
INIT_TASK_UNKNOWN = Rule(
    "SP0324", "init-task-unknown", _ERROR, "the soft prompt in `{path}` has no task `{task}`"
)
INIT_SIZE_DIFFERS = Rule(
    "SP0325",
    "init-size-differs",
    _ERROR,
    "task `{task}` has {wanted} virtual tokens, and the soft prompt it starts from has {found}",
)
