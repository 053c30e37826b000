"""SP0131 and SP0132: what nobody but its owner should read does not stand in a spec."""

from collections.abc import Iterator

from softprompt_compiler.catalogue import field as rules
from softprompt_compiler.diagnostic import Diagnostic
from softprompt_compiler.resolved import ResolvedSpec
from softprompt_compiler.secrets import assigned_secrets, is_secret_name, secrets_in
from softprompt_compiler.source import SourceFile
from softprompt_compiler.tree import MappingNode, Node, ScalarNode, SequenceNode

_ELSEWHERE = "name it under `launch.secrets`, and set it in the shell that starts the run"
_COPIED = "`spec compile` writes it into the plan and the scripts"


def check_secrets(resolved: ResolvedSpec) -> Iterator[Diagnostic]:
    """SP0131: nothing in the text has the form of a token or key, comments included."""
    for source in _sources(resolved):
        for secret in secrets_in(source.text):
            yield rules.SECRET.at(
                source.span(secret.start, secret.end),
                what=secret.kind,
                help=[_ELSEWHERE, "withdraw it if anybody else has seen this file"],
            )


def check_named_secrets(resolved: ResolvedSpec) -> Iterator[Diagnostic]:
    """SP0132: no variable that by its name holds a secret is given one here."""
    environment = resolved.tree.find(("launch", "environment"))
    if isinstance(environment, MappingNode):
        for key, value in environment.entries:
            if is_secret_name(key.text) and _is_plain_secret(value):
                yield rules.NAMED_SECRET.at(key.span, name=key.text, notes=_COPIED, help=_ELSEWHERE)
    setup = resolved.tree.find(("launch", "setup"))
    for line in setup.items if isinstance(setup, SequenceNode) else ():
        if isinstance(line, ScalarNode) and not any(True for _ in secrets_in(line.text)):
            for found in assigned_secrets(line.text):
                place = line.span_at(found.start, found.end)
                yield rules.NAMED_SECRET.at(place, name=found.kind, notes=_COPIED, help=_ELSEWHERE)


def _is_plain_secret(value: Node) -> bool:
    """Whether the value may be the secret itself, and no path to it. SP0131 speaks of forms."""
    if not isinstance(value, ScalarNode) or not value.text.strip():
        return False
    is_path = value.text.startswith(("/", "~", "./", "../"))
    return not is_path and not any(True for _ in secrets_in(value.text))


def _sources(resolved: ResolvedSpec) -> list[SourceFile]:
    """The spec's text, and the settings that are in its tree."""
    sources = {id(resolved.tree.source): resolved.tree.source}
    nodes: list[Node] = [resolved.tree.root]
    while nodes:
        node = nodes.pop()
        sources.setdefault(id(node.span.source), node.span.source)
        if isinstance(node, MappingNode):
            nodes.extend(value for _, value in node.entries)
        elif isinstance(node, SequenceNode):
            nodes.extend(node.items)
    return list(sources.values())
