"""SP0315, SP033x, SP038x: the base model's files, and ids beside its embeddings."""

from softprompt_compiler.catalogue.rule import Rule
from softprompt_compiler.diagnostic import Severity

_ERROR = Severity.ERROR
_NOTE = Severity.NOTE

WEIGHTS_CUT_OFF = Rule(
    "SP0315", "weights-cut-off", _ERROR, "`{subject}` of the model is not whole: {detail}"
)
WEIGHT_FILE_MISSING = Rule(
    "SP0333", "weight-file-missing", _ERROR, "the model lacks the file `{subject}`: {detail}"
)
WEIGHTS_DAMAGED = Rule(
    "SP0334", "weights-damaged", _ERROR, "`{subject}` of the model cannot be used: {detail}"
)
WEIGHTS_CONTRADICT_CONFIG = Rule(
    "SP0335", "weights-contradict-config", _ERROR, "the model's weight `{subject}` {detail}"
)
WEIGHTS_MISSING = Rule(
    "SP0336", "weights-missing", _ERROR, "the model's files lack the weight `{subject}`: {detail}"
)
ROW_ID_BEYOND_MODEL = Rule(
    "SP0337",
    "row-id-beyond-model",
    _ERROR,
    "the row has the token id {id}, and the model has {rows} embeddings",
)
SPECIAL_ID_BEYOND_MODEL = Rule(
    "SP0338",
    "special-id-beyond-model",
    _ERROR,
    "the tokenizer's {name} has the id {id}, and the model has {rows} embeddings",
)
INIT_ID_BEYOND_MODEL = Rule(
    "SP0339",
    "init-id-beyond-model",
    _ERROR,
    "`init.{key}` has the token id {id}, and the model has {rows} embeddings",
)
WEIGHTS_NOT_HERE = Rule(
    "SP0380", "weights-not-here", _NOTE, "the weights of `{source}` are not all on this machine"
)
TOKENIZER_NOT_HERE = Rule(
    "SP0381",
    "tokenizer-not-here",
    _NOTE,
    "the tokenizer of `{source}` is not on this machine, so rows are not measured",
)
