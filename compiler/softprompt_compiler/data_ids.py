"""Token ids that the base model has no embedding for.

A tokenizer may have more tokens than its model has embeddings: padded, or with tokens that were
added and never trained. That is a fault only where such a token is used.
"""

from collections.abc import Iterator, Sequence

from softprompt_compiler.catalogue import model_files as rules
from softprompt_compiler.data_faults import RowFinding
from softprompt_compiler.diagnostic import Diagnostic
from softprompt_compiler.resolved import ResolvedSpec
from softprompt_compiler.world import World
from softprompt_plan.example import Example, RowEncoder
from softprompt_plan.plan import Plan, TaskPlan
from softprompt_plan.rows import Row
from softprompt_plan.split_encoding import record_of
from softprompt_plan.tokenization import Tokenizer
from softprompt_plan.tokenizer_file import TokenizerFile
from softprompt_plan.vocabulary import InitMethod, Split

_HELP = "take the tokenizer's files from where the model comes from"


def num_embeddings(resolved: ResolvedSpec, world: World) -> int | None:
    """V, where the tokenizer has ids beyond it; None where any id has its embedding.

    To be called where the tokenizer has been read.
    """
    files, facts = resolved.model.files, resolved.model.facts
    if files is None or facts is None:
        return None
    surplus = world.tokenizer(files.path).vocab_size > facts.vocab_size
    return facts.vocab_size if surplus else None


def special_id_diagnostics(
    resolved: ResolvedSpec, tokenizer: TokenizerFile
) -> Iterator[Diagnostic]:
    """SP0338: every row ends in EOS, and begins with BOS where the spec asks for it."""
    facts = resolved.model.facts
    used = {"EOS": tokenizer.eos_id}
    if resolved.spec.inference.add_bos:
        used["BOS"] = tokenizer.bos_id
    for name, id in used.items():
        if facts is not None and id is not None and id >= facts.vocab_size:
            place, rows = resolved.place("model", "source"), facts.vocab_size
            yield rules.SPECIAL_ID_BEYOND_MODEL.at(place, name=name, id=id, rows=rows, help=_HELP)


def id_findings(
    task: TaskPlan, split: Split, encoder: RowEncoder, rows: Sequence[Row], limit: int
) -> Iterator[RowFinding]:
    """SP0337: the rows that use an id of `limit` or more, as training and inference see them."""
    records = [record_of(row, task, split) for row in rows]
    encoded = encoder.encode_batch(records, for_inference=split is Split.TEST)
    for row, example in zip(rows, encoded, strict=True):
        if isinstance(example, Example) and max(example.input_ids) >= limit:
            yield RowFinding(
                file=row.file,
                line=row.line,
                column=None,
                field=None,
                rule=rules.ROW_ID_BEYOND_MODEL,
                values={"id": max(example.input_ids), "rows": limit},
                help=_HELP,
            )


def init_id_diagnostics(
    plan: Plan, resolved: ResolvedSpec, tokenizer: Tokenizer, limit: int
) -> Iterator[Diagnostic]:
    """SP0339: virtual tokens start as embeddings, which have to be there."""
    init = plan.prompt_learning.init
    if init.method is InitMethod.TEXT:
        texts, key = [init.text or ""], "text"
    elif init.method is InitMethod.CLASS_LABELS:
        texts, key = list(init.labels), "labels"
    else:
        return
    highest = max((id for each in tokenizer.encode_batch(texts) for id in each.ids), default=0)
    if highest >= limit:
        place = resolved.place("prompt_learning", "init", key)
        yield rules.INIT_ID_BEYOND_MODEL.at(place, key=key, id=highest, rows=limit, help=_HELP)
