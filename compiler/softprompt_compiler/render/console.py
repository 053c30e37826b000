"""Rich's console on a text: nothing of the environment, no markup, no line that ends in spaces."""

from io import StringIO
from typing import TYPE_CHECKING

from softprompt_compiler.render.human import Style

if TYPE_CHECKING:
    from rich.console import Console


def console_on(text: StringIO, style: Style) -> "Console":
    """A console that prints to `text`, in the style's width and with its colors."""
    from rich.console import Console

    return Console(
        file=text,
        width=style.width,
        force_terminal=style.color,
        color_system="standard" if style.color else None,
        no_color=not style.color,
        highlight=False,
        markup=False,
        emoji=False,
        legacy_windows=False,
        _environ={},
    )


def printed(text: StringIO) -> str:
    """What was printed, without the spaces that fill lines."""
    return "".join(f"{line.rstrip()}\n" for line in text.getvalue().splitlines())
