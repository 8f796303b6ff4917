"""Properties judged on the observations themselves: exactly, over the whole trace, without a model.

`holds` means that nothing in the trace violates the property and that nothing known to be missing could. A
trace with calls that could not be read has no `holds` for a property of calls, but `violated` stays
`violated`, and its count is a lower bound. What was never recorded (a client without a file, a failed call's
lost answer) is not known to be missing.

Clocks are compared in three places: those of clients with each other (real-time, in `across.py`, and
availability), and with those of the recorder of the watch stream and of the servers (window, in `key.py`).
They are taken to agree unless the trace's `clocks` say otherwise. Then real-time is judged within bounds, and
the others are `unknown` if their verdict depends on how far these clocks are apart. What violates window does
so however far clocks are apart by what events leave open.
Everything is sorting and one sweep: O(n log n).
"""

from collections.abc import Callable, Iterable
from dataclasses import replace
from itertools import chain

from ..clocks.align import off_by_what_is_open, otherwise
from ..sources.trace import Trace
from .across import real_time
from .availability import AVAILABILITY, availability
from .calls import session, unique
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


#: the kinds of clocks that a property compares
COMPARED: dict[str, tuple[str, ...]] = {
    "real-time": ("client",),
    "window": ("client", "recorder", "log"),
    AVAILABILITY: ("client",),
}


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
        judgement = _whatever_was_set(PROPERTIES[name](trace, witnesses), trace, witnesses)
        judgements.append(_under_other_offsets(judgement, trace))
    return tuple(judgements)


def _whatever_was_set(judgement: Judgement, trace: Trace, witnesses: int) -> Judgement:
    """The judgement of what compares times, without the calls in files whose clock was set back."""
    name, back = judgement.property, trace.clocks.back
    if name not in (*COMPARED, "session") or not (files := [f for f in trace.calls.files() if f in back]):
        return judgement
    without = PROPERTIES[name](replace(trace, calls=trace.calls.without(files)), witnesses)
    return without if without.verdict == "violated" else Judgement(name, "unknown", note=back[files[0]])


def _under_other_offsets(judgement: Judgement, trace: Trace) -> Judgement:
    """The judgement, if it is the same however far doubtful clocks are apart; and where calls are blamed by
    the clocks of others, any clocks."""
    name, kinds = judgement.property, COMPARED.get(judgement.property, ())
    if name == "real-time" or not kinds or judgement.verdict == "unknown":
        return judgement
    others = otherwise(trace, kinds)
    if name == "window" and judgement.verdict == "violated":
        others = chain(others, off_by_what_is_open(trace, kinds))
    for clock, other in others:
        if PROPERTIES[name](other, 0).verdict != judgement.verdict:
            return Judgement(name, "unknown", note=f"it depends on a clock: {clock}")
    return judgement
