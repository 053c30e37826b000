"""Small specs and a compiler call for tests of the compiler's middle."""

import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path

from softprompt_compiler.diagnostic import Diagnostic
from softprompt_compiler.pipeline import Checked, Compiled, check_spec, compile_spec
from softprompt_compiler.source import SourceFile
from softprompt_compiler.world import LocalWorld

SPEC = """\
version: 1
name: mood
model: {source: models/tiny, max_seq_length: 128}
tasks:
  mood:
    prompt_template: "<|VIRTUAL_PROMPT_0|>{text} mood:{mood}"
    answer_field: mood
    data: {train: data/train.jsonl}
training: {max_steps: 100}
"""


def spec(extra: str = "", **replaced: str) -> str:
    """SPEC with top-level sections replaced (`training="training: {...}"`) and text added."""
    text = SPEC
    for key, section in replaced.items():
        start = text.index(f"{key}:")
        end = next(
            (
                at
                for at in range(start + 1, len(text))
                if text[at - 1] == "\n" and text[at].isalpha()
            ),
            len(text),
        )
        section = textwrap.dedent(section).strip("\n")
        text = text[:start] + (section + "\n" if section else "") + text[end:]
    return text + textwrap.dedent(extra)


def task(*lines: str, template: str = '"<|VIRTUAL_PROMPT_0|>{text} mood:{mood}"') -> str:
    """The tasks section with one task of these lines."""
    body = "".join(f"    {line}\n" for line in lines)
    return f"tasks:\n  mood:\n    prompt_template: {template}\n{body}"


def check(
    text: str,
    folder: Path,
    *,
    settings: Sequence[str] = (),
    environment: Mapping[str, str] | None = None,
    read_data: bool = False,
) -> Checked:
    """What the compiler says about a spec in a folder."""
    world = LocalWorld(spec_folder=folder, environment=environment or {})
    source = SourceFile(name="spec.yaml", text=text)
    return check_spec(source, settings, world, read_data=read_data)


def compiled(text: str, folder: Path, *, settings: Sequence[str] = ()) -> Compiled:
    """What the compiler makes of a spec in a folder."""
    world = LocalWorld(spec_folder=folder, environment={})
    source = SourceFile(name="spec.yaml", text=text)
    return compile_spec(source, settings, world, spec_folder="..")


def codes(diagnostics: Sequence[Diagnostic]) -> list[str]:
    """The codes in order."""
    return [diagnostic.code for diagnostic in diagnostics]


def seen(diagnostics: Sequence[Diagnostic]) -> list[tuple[str, str]]:
    """Code and underlined text of each diagnostic."""
    return [(diagnostic.code, diagnostic.span.text) for diagnostic in diagnostics]
