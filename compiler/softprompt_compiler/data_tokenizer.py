"""The base model's tokenizer, for counting tokens. Loads the `tokenizers` library."""

from softprompt_compiler.catalogue import model_files
from softprompt_compiler.catalogue import world as rules
from softprompt_compiler.data_ids import special_id_diagnostics
from softprompt_compiler.diagnostic import Diagnostic, Label
from softprompt_compiler.resolved import ResolvedSpec
from softprompt_compiler.source import Span
from softprompt_compiler.world import World
from softprompt_plan.tokenization import FastTokenizer
from softprompt_plan.tokenizer_file import TokenizerError, TokenizerFaultKind
from softprompt_plan.vocabulary import ModelSourceKind


def load_tokenizer(
    resolved: ResolvedSpec, world: World, *, decodes: bool = False
) -> tuple[FastTokenizer | None, list[Diagnostic]]:
    """The tokenizer that rows are encoded with. None where it is not here, or cannot be used.

    decodes: whether it is to know the special tokens' texts too, which takes longer.
    """
    files = resolved.model.files
    if files is None:  # a hub id that is not in the cache; a warning has said so
        return None, []
    place = resolved.place("model", "source")
    try:
        read = world.tokenizer(files.path)
    except TokenizerError as error:
        if files.kind is ModelSourceKind.HUB and error.kind is TokenizerFaultKind.NONE_THERE:
            return None, [_not_here(resolved.spec.model.source, place)]
        reason, hint = error.detail, error.help or ()
        return None, [rules.TOKENIZER_UNREADABLE.at(place, reason=reason, help=hint)]
    found: list[Diagnostic] = []
    if read.eos_id is None:
        hint = "name it in tokenizer_config.json: rows end in EOS, so that completions do too"
        found.append(rules.NO_EOS.at(place, help=hint))
    if read.bos_id is None and resolved.spec.inference.add_bos:
        at = resolved.place("inference", "add_bos")
        whose = Label(span=place, text="the tokenizer of this model")
        found.append(rules.NO_BOS.at(at, labels=[whose], help="write `add_bos: false`"))
    found += special_id_diagnostics(resolved, read)
    if found:
        return None, found
    from tokenizers import Tokenizer as Backend

    try:
        backend = Backend.from_str(read.encode_json)
        decoder = Backend.from_str(read.decode_json) if decodes else None
    except Exception as error:
        return None, [rules.TOKENIZER_UNREADABLE.at(place, reason=str(error))]
    return FastTokenizer(backend, read.bos_id, read.eos_id, decoder), []


def _not_here(source: str, place: Span) -> Diagnostic:
    notes = "not checked: rows and `init.text` in tokens, and whether there are BOS and EOS"
    hint = "a run downloads it from the Hugging Face hub"
    return model_files.TOKENIZER_NOT_HERE.at(place, source=source, notes=notes, help=hint)
