"""Logs as log stores show and export them: the newest line first.

Such a file is read from its end.  It is one if the times of each server's lines in it go down from line to
line, to the end of the file: after a clock was set back they go up again.  Servers that write two lines at
once may write them in the wrong order.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from . import zap
from .lines import MAX_LINE
from .wrapping import whose

#: one time below another may be a clock that was set back
_ENOUGH = 2
#: what a line may be later than one before it, ns, and how many are not for one that is
_LATE_NS, _FEW = 1_000_000_000, 10
#: what may be held of a file to know, bytes
_MAX_HELD = 256 << 20
ASSUMED = "its newest line stands first: it was read from its end"
TOO_LARGE = (
    f"a log of more than {_MAX_HELD >> 20} MiB whose newest line stands first is read as it stands; "
    "turn it round with tac"
)

Numbered = tuple[int, bytes | None]


class OldestFirst:
    """The lines of a log with the oldest first; once there are any, `turned` is how many lines a file has of
    which the newest is first, else 0. `too_large`: it is, as far as was read, but too large to be turned."""

    def __init__(self, lines: Iterable[Numbered]) -> None:
        self._lines = iter(lines)
        self.turned = 0
        self.too_large = False

    def __iter__(self) -> Iterator[Numbered]:
        held: list[Numbered] = []
        if self._descend(held):
            self.turned = held[-1][0]
            held.reverse()
        yield from held
        yield from self._lines

    def _descend(self, held: list[Numbered]) -> bool:
        """Whether times go down to the end of the file, which is held then."""
        last: dict[str, tuple[int, int]] = {}  # the time of the last line, and the lowest
        size = below = above = 0
        for number, raw in self._lines:
            held.append((number, raw))
            if raw is None:
                continue
            if (size := size + len(raw)) > _MAX_HELD:
                self.too_large = below >= max(_ENOUGH, _FEW * above)
                return False
            of, line = whose(raw[:MAX_LINE])
            head = zap.head(line.decode(errors="replace"))
            at_ns = None if head is None else zap.time_ns(head[1])
            if at_ns is None:
                continue
            before, lowest = last.get(of, (at_ns, at_ns))
            if at_ns > lowest + _LATE_NS:
                return False
            below += at_ns < before
            above += at_ns > before
            last[of] = at_ns, min(at_ns, lowest)
        return below >= max(_ENOUGH, _FEW * above)
