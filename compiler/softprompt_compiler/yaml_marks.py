"""Where PyYAML found something. Its marks are optional by type, and always there in fact."""

import yaml


def extent(found: yaml.Event | yaml.Token) -> tuple[int, int]:
    """Character offsets of the start and the end (exclusive)."""
    start, end = found.start_mark, found.end_mark
    assert start is not None
    assert end is not None
    return start.index, end.index
