"""What makes a finding the same one in the next run, though lines above it come and go."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

from softprompt_compiler.diagnostic import Diagnostic
from softprompt_compiler.render.artifact import file_of, repository_path
from softprompt_compiler.render.report import Report


def with_fingerprints(
    reports: Iterable[Report], folder: Path
) -> Iterator[tuple[Report, Diagnostic, str]]:
    """Each diagnostic with a digest that no other one of these reports has.

    It is taken over the code, the file, the text of the line and of the token, and over how many
    findings before it are alike in all of these; not over the line's number, nor the message, which
    may hold numbers that change.
    """
    seen: Counter[str] = Counter()
    for report in reports:
        for diagnostic in report.diagnostics:
            span = diagnostic.span
            file = repository_path(file_of(report, span.source), folder)
            line = span.source.line_at(span.start).text.strip()
            alike = "\0".join([diagnostic.code, file, line, span.text])
            seen[alike] += 1
            whole = f"{alike}\0{seen[alike]}".encode(errors="surrogatepass")
            yield report, diagnostic, hashlib.sha256(whole).hexdigest()
