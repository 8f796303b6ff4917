"""The verdict on one property, and what it says where calls could not be read."""

from dataclasses import dataclass, replace
from typing import Literal

from ..sources.observation import Observation
from ..sources.trace import Kind, Trace, Unread

#: two observations that show a violation, the earlier first
Pair = tuple[Observation, Observation]
Verdict = Literal["violated", "holds", "vacuous", "unknown"]


@dataclass(frozen=True, slots=True)
class Judgement:
    """The verdict on one property.

    `count`: what violates it, in the property's own unit (see what judges it); for an `unknown` window, the
    calls that remain undecided. `witness`: two observations that show it, the earlier first. `worst_ms`: by
    how much the physical part went back (or beyond), at most; how long an outage lasted. `from_ns` to
    `to_ns`: the time in which it happened, on the clock of the witness's kind; `None` without a violation, or
    where no clock is known. `note`: one sentence that a reader needs beside the verdict, or empty.
    `witnesses`: as many of all such pairs as were asked for.
    `doubtful`: the lowest and the highest timestamp, as 64-bit numbers, granted twice or out of order.
    """

    property: str
    verdict: Verdict
    count: int = 0
    witness: Pair | None = None
    worst_ms: int | None = None
    from_ns: int | None = None
    to_ns: int | None = None
    note: str = ""
    witnesses: tuple[Pair, ...] = ()
    doubtful: tuple[int, int] | None = None


def clean(name: str, trace: Trace) -> Judgement:
    """No violation among the calls that were read."""
    return _unless_missing(Judgement(name, "holds"), "no violation", trace)


def nothing(name: str, trace: Trace, why: str) -> Judgement:
    """Nothing among the calls that were read to which the property applies."""
    return _unless_missing(Judgement(name, "vacuous", note=why), why, trace)


def undecided(judgement: Judgement, why: str) -> Judgement:
    """The judgement, unless there is a reason why it is open."""
    return replace(judgement, verdict="unknown", note=why) if why else judgement


def exactly(trace: Trace) -> tuple[Trace, str]:
    """The trace without timestamps that were rounded; what is to be said of them, empty: there are none."""
    files = trace.rounded()
    if not files:
        return trace, ""
    return replace(trace, calls=trace.calls.without(files)), _rounded(files)


def unless_rounded(judgement: Judgement, trace: Trace) -> Judgement:
    """The judgement, if it is violated, or all timestamps are exact."""
    files = trace.rounded() if judgement.verdict != "violated" else []
    return undecided(judgement, _rounded(files) if files else "")


def _rounded(files: list[str]) -> str:
    return f"the timestamps in {', '.join(files)} are rounded"


def lower_bound(trace: Trace) -> str:
    """What is to be said beside a count; empty if all calls were read."""
    missing = _calls_missing(trace)
    return f"there may be more: {missing}" if missing else ""


def _unless_missing(judgement: Judgement, found: str, trace: Trace) -> Judgement:
    missing = _calls_missing(trace)
    return Judgement(judgement.property, "unknown", note=f"{found}, but {missing}") if missing else judgement


def _calls_missing(trace: Trace) -> str:
    """Which files have, or may have had, calls that could not be read; empty if none."""
    files = [
        source.file
        for source in trace.sources
        if (source.kind is Kind.CLIENT and not source.whole) or source.hides(Unread.CALLS)
    ]
    return f"not all of {', '.join(files)} could be read" if files else ""
