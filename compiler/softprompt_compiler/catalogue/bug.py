"""SP09xx: softprompt itself is at fault."""

from softprompt_compiler.catalogue.rule import Rule
from softprompt_compiler.diagnostic import Severity

INTERNAL_ERROR = Rule(
    "SP0901", "internal-error", Severity.ERROR, "this is a bug in softprompt: {error}"
)
