"""A whole search without what only reports need."""

from __future__ import annotations

from tsofence.checker.search.engine import Engine


def walk(engine: Engine) -> int:
    """Expand everything; how many levels there are."""
    first, last, levels = 0, len(engine), 0
    while first < last:
        chunk = engine.piece(last)
        for start in range(first, last, chunk):
            engine.expand(start, min(start + chunk, last))
        first, last, levels = last, len(engine), levels + 1
    return levels
