"""Steps that a search may take at once, because nobody can tell when they are taken.

Each is the next step of a save in flight, changes nothing that others look at, and does not depend on what
they do meanwhile, or only so that the save fails all the same.  What a client, another server or etcd
can see stays the same; only runs get longer or shorter, so that shortest runs are searched without.
Tests search with and without: tests/checker/test_reductions.py.
"""

from __future__ import annotations

from ..language.expr import TRUE, Expr, both, either, negate
from ..language.transition import SELF
from ..language.variant import Variant
from . import state as s
from .state import CLIENTS, JOB, OWN, Slot


def _refusal_only_fails(n: Expr, fence: Variant, slot: Slot) -> Expr:
    """Where the fence refuses, the save fails as it does for any other reason, and that is all."""
    if not {"yielded-flag", "etcd-transfer", "dynamic-8780"} & set(fence.parts):
        return TRUE
    api = s.api[n] if "dynamic-8780" in fence.parts else negate(s.api[n])
    return either(s.is_tso[n], negate(api))


def _failure_only_ends_it(n: Expr, slot: Slot, clients: bool) -> Expr:
    """Nothing else that may happen meanwhile makes a difference to what the failure does.

    A TSO server whose own sync fails gives up with what it has in memory.  Where clients make it sync as
    well, those may set the memory, and what it saved last, before its own save fails.
    """
    if slot is CLIENTS:
        return TRUE
    if clients:
        return negate(s.is_tso[n])
    return either(negate(s.is_tso[n]), slot.job[n] == JOB.update, negate(s.initialised[n]))


def at_once(fence: Variant, *, clients: bool) -> tuple[tuple[str, Expr], ...]:
    """The transitions, by name, and when (over `SELF`, beside their guards) they may be taken at once; in
    the order in which one may follow another.  ``clients``: may a client's request make a server sync?

    - The election key is found: it may go later, but then a later read or the commit finds that.
    - No TSO primary is found: one may come, but then the commit finds that.
    - The window does not grow, or the key has another value than was read: the key never goes back, so
      nothing can save this save any more.
    """
    n = SELF
    found = []
    for slot in (OWN, CLIENTS):
        quiet = _refusal_only_fails(n, fence, slot)
        ends = _failure_only_ends_it(n, slot, clients)
        found.append((slot.prefix + "find_own_key", quiet))
        if slot is OWN:
            found.append(("find_no_primary", quiet))
        found += [
            (slot.prefix + "refused_not_greater", ends),
            (slot.prefix + "refused_by_cas", ends),
            (slot.prefix + "conflict", both(ends, slot.seen[n] != s.timestamp)),
        ]
    return tuple(found)
