"""Of the guards that refuse what would explain an observation, the one that tells most.

A search notes every guard that refuses a step which would explain it.  Most of them say only that it is
another step's turn.  What the fence itself adds says why this fence is refuted, and the build alone is not.
"""

from __future__ import annotations

from functools import cache

from ...model.pd import system
from ...model.variants import fences
from .conformance import CONTRADICTS, FenceVerdict, Refused
from .steps import NO_SUCH_CHANGE, NO_SUCH_STEP, NOT_SET, SEEN_BEFORE

#: guards of the order in which a server does things
_TURN = frozenset(
    {
        "a transaction is in flight",
        "a try is left",
        "another value is being saved",
        "etcd answers",
        "every key is read",
        "it is time to read the timestamp key",
        "no admin reset holds the memory",
        "no client's sync in flight",
        "not leader, not stopping",
        "not promoted yet",
        "nothing else in flight",
        "promoted",
        "running",
        "somebody waits for the answer",
        "sync has loaded the key",
        "the sync of its last term has ended",
        "transaction has begun",
    }
)
#: guards of who may do it at all
_ROLE = frozenset(
    {"leader", "serving", "serving, or trying again", "it does not serve", "leadership is gone"}
)
_OF_LOGS = "the server's log would tell"
#: what is said of a trace, and not asked by a guard
_OF_TRACE = (_OF_LOGS, NOT_SET, NO_SUCH_CHANGE, SEEN_BEFORE)


def most_telling(verdict: FenceVerdict) -> Refused | None:
    """The guard to show; None: there is none but of turns."""
    told = [each for each in verdict.refused_by if each.guard not in _TURN]
    own = verdict.seen.server if verdict.seen is not None else None
    added = _added(verdict.fence)

    def rank(each: Refused) -> tuple[bool, ...]:
        return (
            each.guard != NO_SUCH_STEP,
            (each.transition, each.guard) not in added,
            not each.guard.startswith(_OF_LOGS),
            each.guard == NOT_SET,
            each.guard in _ROLE,
            bool(own) and each.server != own,
        )

    return min(told, key=rank, default=None)


def is_condition(verdict: FenceVerdict, refused: Refused) -> bool:
    """Is it a guard of the model's that refuses the step, and not what the trace or the fence says of it?"""
    stated = verdict.note == CONTRADICTS or refused.guard == NO_SUCH_STEP
    return not stated and not refused.guard.startswith(_OF_TRACE)


@cache
def _added(fence: str) -> frozenset[tuple[str, str]]:
    """The guards that a build has only under that fence, by transition."""

    def guards(name: str) -> frozenset[tuple[str, str]]:
        steps = system.transitions(fences.whole(name))
        return frozenset((each.name, label) for each in steps for label in each.step.guard)

    build, _ = fences.parted(fence)
    return guards(fence) - guards(fences.of_build(build, fences.NONE))
