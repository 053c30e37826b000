"""SP00xx: the spec's text is not YAML, or not the part of YAML that specs are written in."""

from softprompt_compiler.catalogue.rule import Rule
from softprompt_compiler.diagnostic import Severity

_ERROR = Severity.ERROR
_WARNING = Severity.WARNING

# The file
UNREADABLE_FILE = Rule("SP0001", "unreadable-file", _ERROR, "{path} cannot be read: {reason}")
NOT_UTF_8 = Rule("SP0002", "not-utf-8", _ERROR, "the file is not UTF-8 text")
FILE_TOO_LARGE = Rule(
    "SP0003", "file-too-large", _ERROR, "a spec holds at most {limit} characters; this has {size}"
)
CONTROL_CHARACTER = Rule(
    "SP0004", "control-character", _ERROR, "the character {character} cannot stand in a spec"
)
EMPTY_SPEC = Rule("SP0005", "empty-spec", _ERROR, "the spec is empty")
NOT_A_MAPPING = Rule(
    "SP0006", "not-a-mapping", _ERROR, "a spec is a mapping of keys to values; this is {found}"
)

# YAML that specs do without
DUPLICATE_KEY = Rule("SP0007", "duplicate-key", _ERROR, "the key `{key}` stands twice")
ANCHOR = Rule("SP0008", "anchor", _ERROR, "a spec has no YAML anchors, and this is one: `{text}`")
ALIAS = Rule("SP0009", "alias", _ERROR, "a spec has no YAML aliases, and this is one: `{text}`")
MERGE_KEY = Rule("SP0010", "merge-key", _ERROR, "a spec has no YAML merge keys (`<<`)")
TAG = Rule("SP0011", "tag", _ERROR, "a spec has no YAML tags, and this is one: `{text}`")
DIRECTIVE = Rule("SP0012", "directive", _ERROR, "a spec has no YAML directives (lines with `%`)")
SEVERAL_DOCUMENTS = Rule(
    "SP0013", "several-documents", _ERROR, "a spec is one YAML document, and here a second starts"
)
KEY_NOT_TEXT = Rule("SP0014", "key-not-text", _ERROR, "a key is text, and this is {found}")
TOO_DEEP = Rule("SP0015", "too-deep", _ERROR, "the nesting goes deeper than {limit} levels")
KEY_TOO_LONG = Rule(
    "SP0016", "key-too-long", _ERROR, "a key has at most {limit} characters; this has {size}"
)

# Text that is not YAML
TAB = Rule("SP0020", "tab", _ERROR, "a tab stands where YAML wants spaces")
UNQUOTED_COLON = Rule(
    "SP0021",
    "unquoted-colon",
    _ERROR,
    "the text of `{key}` holds a colon and stands without quotes",
)
MISSING_SPACE = Rule("SP0022", "missing-space", _ERROR, "a space is missing after `{key}:`")
MISSING_COLON = Rule("SP0023", "missing-colon", _ERROR, "this line is not of the form `key: value`")
WRONG_INDENTATION = Rule(
    "SP0024",
    "wrong-indentation",
    _ERROR,
    "this line is indented so that it belongs to nothing above it",
)
UNCLOSED_BRACKET = Rule("SP0025", "unclosed-bracket", _ERROR, "this `{bracket}` is never closed")
UNCLOSED_QUOTE = Rule("SP0026", "unclosed-quote", _ERROR, "this `{quote}` is never closed")
TEXT_AFTER_VALUE = Rule(
    "SP0027", "text-after-value", _ERROR, "text follows the closing `{closing}` of a value"
)
RESERVED_START = Rule(
    "SP0028", "reserved-start", _ERROR, "text that starts with {character} needs quotes"
)
UNKNOWN_ESCAPE = Rule(
    "SP0029", "unknown-escape", _ERROR, '`{escape}` means nothing inside "double quotes"'
)
MISSING_COMMA = Rule(
    "SP0030", "missing-comma", _ERROR, "a `,` or the closing `{closing}` is missing here"
)
MISPLACED_LIST_ITEM = Rule(
    "SP0031", "misplaced-list-item", _ERROR, "a list item (`- ...`) cannot stand here"
)
STRAY_CHARACTER = Rule("SP0032", "stray-character", _ERROR, "{character} cannot stand here")
UNUSABLE_CHARACTER = Rule(
    "SP0033", "unusable-character", _ERROR, "`{escape}` is no character that text can hold"
)
NUMBER_TOO_LONG = Rule("SP0034", "number-too-long", _ERROR, "a number of {size} characters")

# --set KEY=VALUE
SETTING_FORM = Rule("SP0040", "setting-form", _ERROR, "a setting is of the form `key.key=value`")
SETTING_INSIDE_VALUE = Rule(
    "SP0041", "setting-inside-value", _ERROR, "`{path}` is {found}, which has no `{step}` inside"
)

# `# softprompt: ignore[CODE] reason`
IGNORE_OF_ERROR = Rule(
    "SP0050", "ignore-of-error", _WARNING, "`{code}` cannot be ignored: it is {what}"
)
UNUSED_IGNORE = Rule("SP0051", "unused-ignore", _WARNING, "line {line} gives no `{code}` to ignore")
IGNORE_OF_UNKNOWN = Rule("SP0052", "ignore-of-unknown", _WARNING, "`{code}` is the code of nothing")
IGNORE_WITHOUT_REASON = Rule(
    "SP0053", "ignore-without-reason", _WARNING, "the comment does not say why this may be ignored"
)
IGNORE_FORM = Rule(
    "SP0054",
    "ignore-form",
    _WARNING,
    "this comment speaks to softprompt, and is not of the form `ignore[CODE] reason`",
)
