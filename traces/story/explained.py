"""What the first explanation of a recording says that no line does: who saved what, which faults happened."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ...checker.run import RunError
from ..explain.replay import Report
from ..questions.ask import Asked, ask
from ..sources.trace import Trace
from .telling import take, words_of
from .words import WORDS

#: of the faults in an explanation, those that leave a trace of their own: a key that goes, a term that ends
_FAULTS = ("crash", "lease_runs_out", "raft_moves", "registration_lapses")


@dataclass(frozen=True, slots=True)
class Supposed:
    """A fault of a ``server`` that an explanation needs and no line tells of, about then."""

    at: int
    server: str
    transition: str
    text: str


@dataclass(frozen=True, slots=True)
class Explained:
    """What the first explanation of the whole recording says: who saved which value, and which faults there
    were; ``under`` which fence, empty if nothing explains it."""

    under: str = ""
    writers: Mapping[int, str] = field(default_factory=dict)
    faults: tuple[Supposed, ...] = ()


def first_explanation(report: Report) -> Explained:
    """Take the first explanation again. Of its clock jumps only those count that its verdict names."""
    verdict = next((each for each in report.fences if each.conforms and each.run is not None), None)
    if verdict is None or verdict.run is None:
        return Explained()
    try:
        taken = take(verdict.run)
    except RunError:
        return Explained()
    writers: dict[int, str] = {}
    faults = []
    for frame in taken.frames:
        before, after = (taken.say.read(state, "timestamp") for state in (frame.before, frame.after))
        name = frame.move.transition
        server = verdict.run.names[frame.move.server - 1] if frame.move.server else ""
        if after != before and server:
            writers[after] = server
        words = WORDS.get(name)
        if server and words and words.fault and (name in _FAULTS or name in verdict.note):
            now = taken.say.read(frame.after, "now")
            faults.append(Supposed(now, server, name, words_of(taken, frame)))
    return Explained(verdict.fence, writers, tuple(faults))


def asked_of(trace: Trace, report: Report, explained: Explained | None = None) -> Asked:
    """What people ask of a recording, on one clock, and the answers.

    ``explained``: its first explanation, if it is known; else that is taken only if no line answers.
    """
    return ask(
        trace,
        report.properties,
        report.build,
        [each.fence for each in report.fences if each.conforms],
        lambda: (explained or first_explanation(report)).writers,
    )
