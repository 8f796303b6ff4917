"""Properties judged on the observations themselves: exactly, over the whole trace, without a model.

`holds` means that nothing in the trace violates the property and that nothing known to be missing could. A
trace with calls that could not be read has no `holds` for a property of calls, but `violated` stays
`violated`, and its count is a lower bound. What was never recorded (a client without a file, a failed call's
lost answer) is not known to be missing.

Clocks are compared in three places: those of clients with each other (real-time, in `calls.py`, and
availability), and with those of the recorder of the watch stream and of the servers (window, in `key.py`).
They are taken to agree unless the trace's `clocks` say otherwise. Then real-time is judged within bounds, and
the others are `unknown` if their verdict depends on how far these clocks are apart.
Everything is sorting and one sweep: O(n log n).
"""

from collections.abc import Callable, Iterable

from ..clocks.align import otherwise
from ..sources.trace import Trace
from .availability import AVAILABILITY, availability
from .calls import real_time, session, unique
from .judgement import Judgement
from .key import key_monotone, window

PROPERTIES: dict[str, Callable[[Trace], Judgement]] = {
    "key-monotone": key_monotone,
    "window": window,
    "unique": unique,
    "real-time": real_time,
    "session": session,
    AVAILABILITY: availability,
}
"""What can be judged here, by the name users give; the other properties need the model (replay)."""


def judge(
    trace: Trace, properties: Iterable[str] | None = None, progress: Callable[[str], None] | None = None
) -> tuple[Judgement, ...]:
    """Judge `properties` (names in `PROPERTIES`, all of them if `None`); `progress` is called with each name.

    Raises `KeyError` for a name that is not there.
    """
    judgements = []
    for name in PROPERTIES if properties is None else properties:
        if progress:
            progress(name)
        judgements.append(_under_other_offsets(PROPERTIES[name](trace), trace))
    return tuple(judgements)


#: the properties that compare clocks and know nothing of bounds
_COMPARING = frozenset({"window", AVAILABILITY})


def _under_other_offsets(judgement: Judgement, trace: Trace) -> Judgement:
    """The judgement, if it is the same however far doubtful clocks are apart."""
    if judgement.property in _COMPARING and judgement.verdict != "unknown":
        for clock, other in otherwise(trace):
            if PROPERTIES[judgement.property](other).verdict != judgement.verdict:
                return Judgement(judgement.property, "unknown", note=f"it depends on a clock: {clock}")
    return judgement
