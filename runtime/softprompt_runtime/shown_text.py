"""Token ids back to text for people: prompts with markers for their virtual tokens, completions.

Text is decoded together with what stands before it, never alone: a decoder treats the first token
of a text in its own way (SentencePiece drops its space), and a character may take several tokens.
"""

from collections.abc import Sequence
from itertools import accumulate

from softprompt_plan.tokenization import Tokenizer


def shown_prompt(tokenizer: Tokenizer, ids: Sequence[int], splits: Sequence[int]) -> str:
    """The prompt's text, with `<|VIRTUAL_PROMPT_i|>` where the virtual tokens of split i begin.

    ids: -1-k is virtual token k. splits: virtual tokens at marker 0, 1, ...
    """
    starts = {first: marker for marker, first in enumerate(accumulate(splits, initial=0))}
    parts: list[str] = []
    before: list[int] = []
    part: list[int] = []
    for token_id in ids:
        if token_id >= 0:
            part.append(token_id)
        elif (virtual := -1 - token_id) in starts:
            parts += [_continuation(tokenizer, before, part), _marker(starts[virtual])]
            before, part = before + part, []
    return "".join(parts) + _continuation(tokenizer, before, part)


def shown_completion(tokenizer: Tokenizer, prompt_ids: Sequence[int], ids: Sequence[int]) -> str:
    """The text that the new tokens add to the prompt's."""
    return _continuation(tokenizer, [token_id for token_id in prompt_ids if token_id >= 0], ids)


def _continuation(tokenizer: Tokenizer, before: Sequence[int], ids: Sequence[int]) -> str:
    if not ids:
        return ""
    start, whole = tokenizer.decode(before), tokenizer.decode([*before, *ids])
    # A character that the border divides is no longer what `before` alone was decoded to.
    return whole[len(start) :] if whole.startswith(start) else tokenizer.decode(ids)


def _marker(number: int) -> str:
    return f"<|VIRTUAL_PROMPT_{number}|>"
