"""Text inside Markdown."""

from html import escape

from softprompt_compiler.render.display import safe


def cell(text: str) -> str:
    """Text that neither Markdown nor HTML reads as anything else; for one cell of a table."""
    shown = escape(safe(text))
    return "".join(f"&#{ord(sign)};" if sign in "|`*_[]\\~#!" else sign for sign in shown)
