"""Where a spec may have comments that silence warnings: a quick look, since most have none."""

import re

from softprompt_compiler.source import SourceFile

COMMENT = re.compile(r"(?:^|(?<=\s))#[ \t]*softprompt[ \t]*:[^\r\n]*", re.MULTILINE | re.I)


def may_ignore(source: SourceFile) -> bool:
    """Whether a text can have such comments."""
    return COMMENT.search(source.text) is not None
