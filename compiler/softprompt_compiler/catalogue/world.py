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
UNKNOWN_DATA_FORMAT = Rule(
    "SP0304", "unknown-data-format", _ERROR, "`{name}` is of no known format"
)
EMPTY_GLOB = Rule("SP0303", "empty-glob", _ERROR, "no file matches `{path}`")
DATA_LIBRARY_MISSING = Rule(
    "SP0305", "data-library-missing", _ERROR, "`{path}` cannot be read: {reason}"
)
DATA_NOT_HERE = Rule(
    "SP0306",
    "data-not-here",
    _WARNING,
    "`{path}` is not on this machine, so its rows are not checked",
)
DATA_SET_UNREADABLE = Rule(
    "SP0307", "data-set-unreadable", _ERROR, "`{path}` cannot be read: {reason}"
)

# The model
MODEL_NOT_FOUND = Rule("SP0310", "model-not-found", _ERROR, "the model is not there: {reason}")
MODEL_UNREADABLE = Rule("SP0311", "model-unreadable", _ERROR, "the model cannot be used: {reason}")
MODEL_NOT_HERE = Rule(
    "SP0312",
    "model-not-here",
    _NOTE,
    "`{source}` is not on this machine, so the spec is not checked against it",
)
TOO_FEW_POSITIONS = Rule(
    "SP0313",
    "too-few-positions",
    _ERROR,
    "the model has {limit} positions, and `max_seq_length` is {wanted}",
)
MODEL_WITHOUT_WEIGHTS = Rule(
    "SP0314", "model-without-weights", _WARNING, "the model's folder holds no weights"
)
TENSOR_SPLIT = Rule(
    "SP0316",
    "tensor-split",
    _ERROR,
    "{parts} cannot be shared out equally to {size} tensor-parallel ranks",
)
PIPELINE_SPLIT = Rule(
    "SP0317", "pipeline-split", _ERROR, "{layers} cannot fill {stages} pipeline stages"
)
UNSPLIT_FAMILY = Rule(
    "SP0318",
    "unsplit-family",
    _ERROR,
    "models of the family `{family}` cannot be split over devices",
)

# A trained soft prompt
OTHER_BASE_MODEL = Rule(
    "SP0319",
    "other-base-model",
    _ERROR,
    "the soft prompt in `{path}` was trained for another base model: its width is {found}, "
    "and this model's is {wanted}",
)
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

# The tokenizer
TOKENIZER_UNREADABLE = Rule(
    "SP0330", "tokenizer-unreadable", _ERROR, "the model's tokenizer cannot be used: {reason}"
)
NO_EOS = Rule("SP0331", "no-eos", _ERROR, "the model's tokenizer has no EOS token")
NO_BOS = Rule("SP0332", "no-bos", _ERROR, "`add_bos` is set, and the tokenizer has no BOS token")

# Data files
DATA_UNREADABLE = Rule("SP0340", "data-unreadable", _ERROR, "the file cannot be used: {detail}")
BROKEN_ROW = Rule("SP0341", "broken-row", _ERROR, "the row cannot be read: {detail}")
ROW_LACKS_FIELD = Rule("SP0342", "row-lacks-field", _ERROR, "{detail}")
FIELD_NOT_TEXT = Rule("SP0343", "field-not-text", _ERROR, "{detail}")
ROW_OF_OTHER_TASK = Rule("SP0344", "row-of-other-task", _ERROR, "{detail}")
NO_ROWS = Rule("SP0345", "no-rows", _ERROR, "the {split} data of task `{task}` has no rows{left}")

# Rows beside the spec
ROW_TOO_LONG = Rule(
    "SP0350",
    "row-too-long",
    _ERROR,
    "the row has {tokens} tokens, and cannot be cut to {limit}: {reason}",
)
PROMPT_TOO_LONG = Rule(
    "SP0351",
    "prompt-too-long",
    _WARNING,
    "the prompt has {tokens} tokens, and cannot be cut to {limit}: {reason}",
)
EMPTY_ANSWERS = Rule(
    "SP0352",
    "empty-answers",
    _WARNING,
    "{count} of {rows} rows of the {split} data have an empty answer",
)
ROWS_IN_TWO_SPLITS = Rule(
    "SP0353",
    "rows-in-two-splits",
    _WARNING,
    "{count} of {rows} rows of the {split} data are rows of the train data too",
)
WARMUP_EXCEEDS_RUN = Rule(
    "SP0354",
    "warmup-exceeds-run",
    _WARNING,
    "warm-up takes {warmup} steps, and the run has {steps}: `lr` is never reached",
)
INIT_CUT = Rule(
    "SP0355",
    "init-cut",
    _WARNING,
    "the first {used} of {given} {things} are used: task `{task}` has {used} virtual tokens",
)
TEST_WITHOUT_ANSWERS = Rule(
    "SP0356",
    "test-without-answers",
    _WARNING,
    "{count} of {rows} test rows have no `{field}` to score completions against",
)
CONTRARY_ROWS = Rule(
    "SP0357",
    "contrary-rows",
    _WARNING,
    "{count} of {rows} rows of the {split} data equal an earlier row in all but the label",
)
UNTRAINED_LABELS = Rule(
    "SP0358",
    "untrained-labels",
    _WARNING,
    "{count} of {rows} test rows have a label that is not in the train data",
)
DOES_NOT_FIT = Rule(
    "SP0360",
    "does-not-fit",
    _WARNING,
    "{what} {taken}, and `{gpu}` has {has}",
)
