"""What nobody can have done under a fence, whatever nothing shows: for that no run is searched."""

from __future__ import annotations

from dataclasses import dataclass

from ..sources.observation import Key, KeyEvent, LogEvent
from .hidden import SHOWS
from .seen import Seen
from .steps import NO_SUCH_STEP, Refusal, World
from .timeline import Timeline

#: guards of a save, of its read of the timestamp key and of its commit: under both that key never goes back
GROWS = "window grows"
_AS_READ = "timestamp key is as read"
_READS = ("load_window", "client_load_window")
_COMMITS = ("commit", "commit_answer_lost", "client_commit", "client_commit_answer_lost")
ONLY_WRITTEN = "the timestamp key is only ever written"


@dataclass(frozen=True, slots=True)
class Impossible:
    """An observation, and the step that it shows and why nobody can take it."""

    seen: Seen
    refused: Refusal


def impossible(world: World, order: Timeline) -> Impossible | None:
    """The first observation that the fence has no way to, even if others are missing."""
    grows = _never_goes_back(world)
    before: KeyEvent | None = None
    for one in order.seen:
        match one.what:
            case LogEvent(refusal=refusal) if refusal is not None and not has_step(world, order, one):
                return Impossible(one, (SHOWS[refusal], one.server, NO_SUCH_STEP))
            case KeyEvent(key=Key.TIMESTAMP) as event:
                if not event.put:
                    return Impossible(one, ("commit", 0, ONLY_WRITTEN))
                if grows and before is not None and _next_and_lower(before, event, order):
                    return Impossible(one, (_READS[0], 0, GROWS))
                before = event
    return None


def has_step(world: World, order: Timeline, seen: Seen) -> bool:
    """Whether the fence has the step that a refusal shows, in a mode that the PD may be in."""
    refusal = seen.what.refusal if isinstance(seen.what, LogEvent) else None
    if refusal is None or (SHOWS[refusal], seen.server) in world.index:
        return True
    return bool(order.mode_text) and world.checks


def _never_goes_back(world: World) -> bool:
    """Whether each save reads the timestamp key, is greater than that, and fails if it has changed."""
    tests = [(each.name, each.tests) for each in world.machine.instances]
    reads = [of for name, of in tests if name in _READS]
    return (
        bool(reads)
        and all(GROWS in of for of in reads)
        and all(_AS_READ in of for name, of in tests if name in _COMMITS)
    )


def _next_and_lower(before: KeyEvent, event: KeyEvent, order: Timeline) -> bool:
    """Whether a write that is no greater follows another one at once."""
    follows = event.revision < order.gap or (before.version and event.version == before.version + 1)
    told = before.timestamp_ns is not None and event.timestamp_ns is not None
    return bool(follows and told and (event.timestamp_ns or 0) <= (before.timestamp_ns or 0))
