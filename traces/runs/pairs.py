"""Properties of pairs of grants, judged on all grants of a run.

The observer of the model remembers one grant, by free choice: enough for a search, which makes every choice.
One run makes one choice, or none, as an explanation of a recording does. So here every grant is compared
with all before it.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right

from ...checker.run import Frame, Run
from ...model.language.python import Machine
from ...model.language.transition import SELF
from ...model.pd import state as s

UNIQUE, REAL_TIME, SESSION = "unique", "real-time", "session"
NAMES = (UNIQUE, REAL_TIME, SESSION)

#: physical and logical part
Timestamp = tuple[int, int]


class Grants:
    """What was granted in a run so far.

    ``grain``: timestamps whose physical parts differ by less, within one such unit, are the same: PD grants
    whole milliseconds, whatever its clock shows.
    """

    def __init__(self, run: Run, machine: Machine, grain: int = 1) -> None:
        self._machine = machine
        self._grain = grain
        #: disjoint ranges, by their ends
        self._firsts: list[Timestamp] = []
        self._lasts: list[Timestamp] = []
        self._highest: Timestamp | None = None
        self._highest_found: Timestamp | None = None
        first = machine.layout.initial(run.first, {})
        if machine.layout.read(first, s.noted.name):  # what somebody got before the run starts
            physical, logical = (
                machine.layout.read(first, name.name) for name in (s.noted_physical, s.noted_logical)
            )
            noted = physical // grain, logical
            self._add(noted, noted, found=bool(machine.layout.read(first, s.noted_found.name)))

    def broken_by(self, frame: Frame) -> tuple[str, ...]:
        """Which properties the step breaks together with a grant before it; a grant counts from then on."""
        if frame.move.transition != "grant":
            return ()
        n, read = frame.move.server, self._machine.layout.read
        physical = read(frame.before, "physical", n) // self._grain
        logical = read(frame.before, "logical", n)
        first, last = (physical, logical + 1), (physical, logical + frame.move.inputs[s.COUNT.name])
        found = bool(self._machine.value(frame.before, s.asked_by_library(SELF), n))
        broken = []
        if self._granted(first, last):
            broken.append(UNIQUE)
        if self._highest is not None and first <= self._highest:
            broken.append(REAL_TIME)
        if found and self._highest_found is not None and first <= self._highest_found:
            broken.append(SESSION)
        self._add(first, last, found=found)
        return tuple(broken)

    def _granted(self, first: Timestamp, last: Timestamp) -> bool:
        """Was any of these timestamps granted before?"""
        at = bisect_left(self._lasts, first)
        return at < len(self._lasts) and self._firsts[at] <= last

    def _add(self, first: Timestamp, last: Timestamp, *, found: bool) -> None:
        self._highest = max(last, self._highest or last)
        if found:
            self._highest_found = max(last, self._highest_found or last)
        begin, end = bisect_left(self._lasts, first), bisect_right(self._firsts, last)
        if begin < end:
            first, last = min(first, self._firsts[begin]), max(last, self._lasts[end - 1])
        self._firsts[begin:end] = [first]
        self._lasts[begin:end] = [last]
