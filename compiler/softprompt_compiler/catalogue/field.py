"""SP01xx: one field is wrong by itself."""

from softprompt_compiler.catalogue.rule import Rule
from softprompt_compiler.diagnostic import Severity

_ERROR = Severity.ERROR
_WARNING = Severity.WARNING

UNKNOWN_FIELD = Rule("SP0101", "unknown-field", _ERROR, "`{key}` is not a field of {owner}")
MISSING_FIELD = Rule("SP0102", "missing-field", _ERROR, "{owner} lacks `{key}`")
WRONG_TYPE = Rule("SP0103", "wrong-type", _ERROR, "`{key}` is {found}; it takes {expected}")
OUT_OF_RANGE = Rule("SP0104", "out-of-range", _ERROR, "`{key}` is {found}; it takes {expected}")
UNKNOWN_CHOICE = Rule("SP0105", "unknown-choice", _ERROR, "`{key}` has no choice {found}")
EMPTY_VALUE = Rule("SP0106", "empty-value", _ERROR, "`{key}` is empty")
UNUSABLE_NAME = Rule("SP0107", "unusable-name", _ERROR, "{found} cannot be the name of {thing}")
NOT_BUILT_YET = Rule("SP0108", "not-built-yet", _ERROR, "{feature} is not built yet")
UNKNOWN_VERSION = Rule(
    "SP0109",
    "unknown-version",
    _ERROR,
    "the spec is of version {found}; this compiler reads {known}",
)
REPEATED_ITEM = Rule("SP0110", "repeated-item", _ERROR, "{item} stands twice in `{key}`")

# Values that YAML reads otherwise than their author
BOOLEAN_WORD = Rule(
    "SP0111", "boolean-word", _ERROR, "`{found}` is text, and `{key}` takes `true` or `false`"
)
NUMBER_FORM = Rule("SP0112", "number-form", _ERROR, "`{found}` is text, and `{key}` takes a number")
NULL_WORD = Rule("SP0113", "null-word", _ERROR, "`{found}` is text, and `{key}` takes null")
OTHER_BASE = Rule("SP0114", "other-base", _WARNING, "`{found}` is the number {value}")
UNREAD_ESCAPE = Rule(
    "SP0115", "unread-escape", _WARNING, "`{found}` stays a backslash and a letter in this text"
)

# A prompt template, by itself
UNCLOSED_FIELD = Rule(
    "SP0120", "unclosed-field", _ERROR, "this `{{` opens a field that never closes"
)
STRAY_BRACE = Rule("SP0121", "stray-brace", _ERROR, "this `}}` closes no field")
FIELD_NAME = Rule("SP0122", "field-name", _ERROR, "{found} cannot be the name of a field")
MARKER_FORM = Rule("SP0123", "marker-form", _ERROR, "`{found}` is no marker of virtual tokens")
NO_MARKER = Rule("SP0124", "no-marker", _ERROR, "the template has no place for virtual tokens")
MARKER_REPEATED = Rule("SP0125", "marker-repeated", _ERROR, "marker {number} stands twice")
MARKER_NUMBER = Rule(
    "SP0126", "marker-number", _ERROR, "markers are numbered from 0, and {missing} is missing"
)

# A path of data, by itself
HUB_DATA_FORM = Rule("SP0127", "hub-data-form", _ERROR, "{detail}")

# A device, by itself
UNKNOWN_GPU = Rule("SP0130", "unknown-gpu", _ERROR, "the memory of the GPU `{found}` is not known")

# What is nobody's business
SECRET = Rule("SP0131", "secret", _ERROR, "{what} stands in the spec")
NAMED_SECRET = Rule(
    "SP0132",
    "named-secret",
    _WARNING,
    "`{name}` is the name of a secret, and its value stands here",
)
