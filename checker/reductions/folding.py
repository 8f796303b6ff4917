"""The table by which a search folds times: kept from an earlier time, or found now, and proved.

`derive` is the one thing that others call.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from ...model.language.instance import MERGING, Configuration
from ...model.language.layout import State
from ...model.language.past import Table
from ...model.language.python import merged
from ...model.pd.past import FLAG, FORGETS, generously
from ...specs.invariants import CANDIDATES
from ...specs.liveness import PROPERTIES as LIVENESS
from ...specs.liveness import Liveness
from ...specs.properties import PROPERTIES, Property
from . import kept
from .kept import Entry
from .reduction import Reduction
from .system import Asked, System

#: seconds of work after which a table is looked for no longer
PATIENCE = 60.0

#: tables that this process has found or read
_found: dict[str, Folding] = {}


@dataclass(frozen=True, slots=True)
class Folding:
    """``tables``, by how many steps that spend are left (`System.spends`): a search folds by the last; none:
    none was found, ``note`` says why; ``kept``: it was found and proved before, in so many ``seconds``."""

    tables: tuple[Table, ...]
    obligations: int
    seconds: float
    kept: bool
    note: str = ""

    @property
    def proved(self) -> bool:
        """Is it shown that folding by it loses nothing?"""
        return bool(self.tables) and self.obligations > 0

    @property
    def sound(self) -> bool:
        """May something be said to hold of a search that folded by it?  Also where nothing was folded."""
        return self.proved or not self.tables

    def told(self, note: str = "") -> Reduction:
        """What a report says of it."""
        notes = "; ".join(filter(None, (note, self.note)))
        return Reduction("folding", self.proved, self.obligations, self.seconds, self.kept, notes)

    def of(self, configuration: Configuration) -> Configuration:
        """The same configuration, folded so."""
        return replace(configuration, folding=self.tables[-1] if self.tables else None)


#: what there is if nobody waited for a table
UNFOLDED = Folding((), 0, 0.0, kept=False, note="no table was looked for to the end")


def of_safety(configuration: Configuration, properties: Iterable[Property] = ()) -> Asked:
    """What a search for violations asks: of all properties that there are, so that a table serves for any;
    and when steps may be taken at once."""
    every = {prop.name: prop for prop in (*PROPERTIES, *properties)}
    judges = [
        (f"{name} {what}", judge)
        for name, prop in every.items()
        for what, judge in (("broken", prop.broken_by), ("tested", prop.tested_by))
    ]
    merging = replace(configuration, relative=False, reductions=frozenset({MERGING}))
    at_once = merged(merging, tuple(merging.instances(choose=True)))
    return Asked(tuple(judges), tuple((f"at once {index}", when) for index, when in at_once))


def of_liveness(properties: Iterable[Liveness] = ()) -> Asked:
    """What deciding liveness asks, of all properties that there are."""
    every = {prop.name: prop for prop in (*LIVENESS, *properties)}
    judges = [
        (f"{name} {what}", judge)
        for name, prop in every.items()
        for what, judge in (("reached", prop.reached_by), ("repeated", prop.repeated))
        if judge is not None
    ]
    states = [
        (f"{name} {what}", condition)
        for name, prop in every.items()
        for what, condition in (("premise", prop.premise), ("during", prop.during), ("goal", prop.goal))
    ]
    return Asked(tuple(judges), tuple(states))


def derive(
    configuration: Configuration,
    first: Sequence[State],
    asked: Asked,
    *,
    wait: bool = True,
    progress: Callable[[str], None] | None = None,
) -> Folding:
    """The table for a configuration whose first states these are, of which that is asked.

    ``progress`` is told now and then how far that is.  Without ``wait``, one that would have to be looked for
    is a generous one, of which nothing is proved.

    Raises:
        KeyboardInterrupt: Ctrl-C while it was looked for.
    """
    system = System(configuration, first, asked)
    digest = digest_of(system)
    if digest in _found:
        return _found[digest]
    entry = kept.read(digest)
    old = entry is not None
    if entry is None and not wait:
        return Folding(
            (generously(configuration),),
            0,
            0.0,
            kept=False,
            note="times are kept apart generously; nothing is said to hold",
        )
    if entry is None:
        entry = look_for(system, progress or (lambda _: None))
        if not entry.late:  # a faster machine may find one, or a better one
            kept.write(digest, entry)
    found = Folding(_tables(entry), entry.obligations, entry.seconds, old, entry.note)
    _found[digest] = found
    return found


def digest_of(system: System) -> str:
    """Under which a table is kept."""
    return kept.digest(system.text(FORGETS, CANDIDATES))


def _tables(entry: Entry) -> tuple[Table, ...]:
    forgets = tuple(forget for forget in FORGETS if forget.name in entry.forgets)
    return tuple(Table(FLAG, from_now, between, forgets) for from_now, between in entry.tables)


def look_for(system: System, progress: Callable[[str], None], patience: float = PATIENCE) -> Entry:
    """A table found anew and proved, whatever is kept; after ``patience`` seconds of work, what there is."""
    # what needs z3 is only imported where a table has to be found
    from ..interruption import deferred
    from .derivation import Task, found

    with deferred():
        return found(Task(system, FLAG, FORGETS, CANDIDATES, time.process_time() + patience, progress))
