"""Steps that a search may take at once, because nobody can tell when they are taken.

Such a step is the next one of a save in flight and writes nothing but its own server's variables.  Either the
save *goes on*: it has found a key as it should be.  Or it *fails*, with the effect of any other failure.
Which steps of a system could be so, and when, is read off its transitions (`candidates`); which are, is
proved:

Let S be a state of the system in which every step is taken at its own time, T one of the search.  They are
*alike* if they agree in everything, but that in T a save may be ahead: T has what becomes of S by some steps
that may be taken at once, each without those of its guards that somebody else may have turned meanwhile (for
a save that goes on, all that is said of more than its own server: that is found out later, and the save fails
all the same; for one that fails, only whether etcd answers).  Besides, what a process that is gone has on its
way in T need not be on its way in S.  Shown are, for any number of servers:

- *closed*: if T takes one of its steps at once, S and T are alike as before;
- *followed*: whatever step S takes, T takes the same one, or none, or some steps of that save which lead to
  a state alike (they are looked for where z3 finds no other way), none of which a scenario limits;
- *judged*: a step that breaks or tests a property is taken by T as well, and does so there;
- *through*: the steps that are taken at once are tried once, one after the other; then none is left.

So the search, whose runs are runs of the system, comes to every violation.  What of this fails for a
candidate makes its condition narrower, or the candidate is not used.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from ...model.language.instance import Configuration, Merge
from ...specs.properties import Property
from .candidates import Candidate, candidates
from .claims import CLAIMS
from .questions import System, holding
from .reduction import Reduction
from .simulation import Simulation, never, unstable


@dataclass(frozen=True, slots=True)
class Proof:
    """What may be taken at once, as a search uses it and as it was shown, and how that is known."""

    merges: tuple[Merge, ...]
    steps: tuple[Candidate, ...]
    reduction: Reduction


def prove(configuration: Configuration, properties: Sequence[Property]) -> Proof:
    """What a search for these properties may take at once in that system, if it begins unused.

    Raises:
        KeyboardInterrupt: see `proof.interruption`.
    """
    began = time.monotonic()
    try:
        system = System(configuration, properties)
    except ValueError as error:
        return Proof((), (), Reduction("merging", False, 0, time.monotonic() - began, note=str(error)))
    claims, asked = holding(system, CLAIMS)
    known = system.everywhere(system.before, claims.values())
    left, refused = list[Candidate](), list[Candidate]()

    def narrow(candidate: Candidate) -> list[Candidate]:
        """What is left of it."""
        narrower = candidate.narrowed()
        if narrower is None:
            refused.append(candidate)
            return []
        return [narrower]

    waiting = candidates(system.transitions, system.variables)
    while waiting:
        candidate = waiting.pop(0)
        asked += 1
        if never(system, known, candidate):
            continue
        by, questions = unstable(system, known, candidate) if candidate.fails else (None, 0)
        asked += questions
        if by is None:
            left.append(candidate)
        else:
            waiting[:0] = narrow(candidate)
    while left:
        simulation = Simulation(system, left, list(claims.values()), properties)
        failure = next(simulation.failures(), None)
        asked += simulation.asked
        if failure is None:
            break
        blamed = failure.blamed[0] if failure.blamed else left[-1]
        at = next(number for number, each in enumerate(left) if each is blamed)
        left[at : at + 1] = narrow(blamed)
    merges = tuple(each.merge() for each in left)
    used = {each.transition for each in merges}
    names = ", ".join(dict.fromkeys(each.name for each in refused if each.name not in used))
    note = f"not shown for {names}" if names else ""
    return Proof(
        merges, tuple(left), Reduction("merging", bool(merges), asked, time.monotonic() - began, note=note)
    )
