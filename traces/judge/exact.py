"""Properties judged on the observations themselves: exactly, over the whole trace, without a model.

`holds` means that nothing in the trace violates the property and that nothing known to be missing could. A
trace with calls that could not be read has no `holds` for a property of calls, but `violated` stays
`violated`, and its count is a lower bound. What was never recorded (a client without a file, a failed call's
lost answer) is not known to be missing.

Two clocks are compared in two places, and are taken to agree: clients with each other (real-time, in
`calls.py`), and clients with the recorder of the watch stream and with the servers (window, in `key.py`).
Everything is sorting and one sweep: O(n log n).
"""

from collections.abc import Callable, Iterable

from ..sources.trace import Trace
from .availability import AVAILABILITY, availability
from .calls import real_time, session, unique
from .judgement import Judgement
from .key import key_monotone, window

PROPERTIES: dict[str, Callable[[Trace, int], Judgement]] = {
    "key-monotone": key_monotone,
    "window": window,
    "unique": unique,
    "real-time": real_time,
    "session": session,
    AVAILABILITY: availability,
}
"""What can be judged here, by the name users give; the other properties need the model (replay)."""


def judge(
    trace: Trace,
    properties: Iterable[str] | None = None,
    progress: Callable[[str], None] | None = None,
    witnesses: int = 0,
) -> tuple[Judgement, ...]:
    """Judge `properties` (names in `PROPERTIES`, all of them if `None`); `progress` is called with each name.
    Of the pairs that show a violation the first `witnesses` are named, in the order of what was judged.

    Raises `KeyError` for a name that is not there.
    """
    judgements = []
    for name in PROPERTIES if properties is None else properties:
        if progress:
            progress(name)
        judgements.append(PROPERTIES[name](trace, witnesses))
    return tuple(judgements)
