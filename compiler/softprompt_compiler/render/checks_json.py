"""For tools: the checks of `spec test` as one JSON object."""

import json
from collections.abc import Sequence

from softprompt_compiler.spec_test.check import CheckResult

FORMAT_VERSION = "1.0"  # 1.x only adds keys


def render(spec: str, results: Sequence[CheckResult], seconds: float) -> str:
    """The results as one JSON object, in ASCII, ending in a newline."""
    value = {
        "format_version": FORMAT_VERSION,
        "spec": spec,
        "seconds": round(seconds, 3),
        "checks": [
            {
                "name": each.name,
                "statement": each.statement,
                "status": each.status.value,
                "seconds": round(each.seconds, 3),
                "detail": each.detail,
                "evidence": list(each.evidence),
                "incomplete": each.incomplete,
            }
            for each in results
        ],
    }
    return json.dumps(value, indent=2) + "\n"
