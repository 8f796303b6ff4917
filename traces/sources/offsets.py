"""How far the clocks of a recording's files are apart: what `clocks` estimates, and everybody asks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from .observation import MAX_NS, NS_PER_MS

Span = tuple[int, int]
"""An offset lies between these (ns), both included."""

ANYTHING: Span = (-MAX_NS, MAX_NS)
#: clocks of which nothing tells more are taken to be no further apart
MOST_NS = 5_000 * NS_PER_MS


#: an offset is that large only where nothing bounds it
_OPEN_NS = MAX_NS // 16
_NAMES = {
    "recorder": "the recorder of the watch",
    "log": "the log of {}",
    "client": "{}",
    "server": "what {} saved",
}


def bounds(span: Span) -> tuple[int | None, int | None]:
    """Between which an offset lies; None: nothing bounds it."""
    return None if span[0] < -_OPEN_NS else span[0], None if span[1] > _OPEN_NS else span[1]


def told(span: Span) -> str:
    """An offset in words."""
    low, high = (each and f"{each / NS_PER_MS:+,.0f} ms" for each in bounds(span))
    if None in (low, high):
        return f"at least {low}" if low else f"at most {high}" if high else "any offset"
    return f"{low or '0 ms'}" if low == high else f"{low or '0 ms'} to {high or '0 ms'}"


@dataclass(frozen=True, slots=True)
class Clock:
    """The clock of one host, as far as files show it: of which `kind`, `of` which server or file,
    in which `files`.

    Its readings are ahead of those of `against` by `offset`; None: no event ties them. `apart`: that
    excludes zero, so that it shows another time; `moved_ns` has then been taken off its readings.
    `events`: how many tie it, or clocks between, at least. `steady`: one offset fits nearly all events
    that tie it; one that was set while the files were written has none. `wavers`: no offset fits nearly
    all events of it and of one that other clocks tie more closely: it refutes nothing.
    """

    kind: str
    of: str
    files: tuple[str, ...]
    against: str
    offset: Span | None
    apart: bool = False
    steady: bool = True
    moved_ns: int = 0
    events: int = 0
    wavers: bool = False

    @property
    def doubtful(self) -> bool:
        """Whether its readings can be compared with those of others only within bounds."""
        return self.apart or not self.steady

    @property
    def width_ns(self) -> int:
        """How closely its offset is known."""
        return 2 * MAX_NS if self.offset is None else self.offset[1] - self.offset[0]

    @property
    def open_ns(self) -> int:
        """How far its readings may still be off, as far as events tell."""
        low, high = self.offset or (-MOST_NS, MOST_NS)
        return min(max(self.moved_ns - low, high - self.moved_ns, 0), MOST_NS)

    @property
    def name(self) -> str:
        """What to call it."""
        return name(self.kind, self.of)

    def __str__(self) -> str:
        if self.wavers and not self.doubtful:
            return f"{self.name}, of which no one offset fits what others show as well"
        text = f"{self.name} against {self.against}: {told(self.offset or ANYTHING)}"
        return text if self.steady else f"{text}, and it was set meanwhile"


def name(kind: str, of: str) -> str:
    """What to call a clock."""
    return _NAMES[kind].format(of)


@dataclass(frozen=True, slots=True)
class Clocks:
    """The clocks of a recording.

    `between`: by two files of clients, how far the first one's readings may still be ahead of the second
    one's; files that are not there are of one clock. `back`: by file, where time goes back there.
    """

    clocks: tuple[Clock, ...] = ()
    between: Mapping[tuple[str, str], Span] = field(default_factory=dict)
    back: Mapping[str, str] = field(default_factory=dict)

    def doubtful(self) -> Sequence[Clock]:
        """The clocks that show another time than the others."""
        return [clock for clock in self.clocks if clock.doubtful]

    def unsure(self) -> Sequence[Clock]:
        """These, and those that may have been set, or received late."""
        return [*self.doubtful(), *(clock for clock in self.clocks if clock.wavers and not clock.doubtful)]

    def suspect(self) -> Sequence[Clock]:
        """Others that do so, but by less than what most events take."""
        return [
            clock
            for clock in self.clocks
            if not clock.doubtful and clock.offset and not clock.offset[0] <= 0 <= clock.offset[1]
        ]

    def moved_ns(self, file: str) -> int:
        """What has been taken off the readings in a file."""
        return next((clock.moved_ns for clock in self.clocks if file in clock.files), 0)
