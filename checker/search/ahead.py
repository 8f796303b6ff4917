"""A state found from any other state, not only from where a cluster starts.

What reductions rest on is proved of a cluster that was never used. So there are none here, but that times
far back are taken for equal, of which nothing is proved either: what is found counts, for its steps are taken
again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from ...model.language.expr import TIME
from ...model.language.instance import Configuration
from ...model.language.layout import RELATIVE_NOW, State
from ...model.pd.past import generously
from ...specs.phrases.sought import Sought
from ..machine.expand import Expander
from ..run import Move
from .engine import Plain
from .retell import Retold

#: states to expand between two looks at whether anybody still waits
_CHUNK = 500
#: states that are looked at, of which plain Python holds some 40 MB
MOST = 100_000


@dataclass(frozen=True, slots=True)
class Ahead:
    """The shortest way to such a state (None: none was found); how many states were looked at, and whether
    these are all that there are, as far as this search can tell them apart."""

    moves: tuple[Move, ...] | None
    states: int
    all: bool = False


def ahead(
    configuration: Configuration,
    state: State,
    sought: Sought,
    *,
    most: int = MOST,
    stop: Callable[[], bool] = lambda: False,
) -> Ahead:
    """Look from a state of a system with absolute times; ``stop`` is asked now and then.

    Raises:
        ValueError: times of that state are further apart than a search can hold.
    """
    near = replace(configuration, relative=True, reductions=frozenset(), folding=generously(configuration))
    expander = Expander(near, [sought], [_relative(configuration, near, state)])
    engine, at = Plain(expander), 0
    while at < len(engine):
        if stop() or len(engine) > most:
            return Ahead(None, len(engine))
        upto = min(at + _CHUNK, len(engine))
        engine.expand(at, upto)
        at = upto
        for number, _ in engine.watch.hits.values():
            way = [engine.state(index) for index in engine.path(number)]
            return Ahead(tuple(Retold(expander, way).breaking(sought)[:-1]), len(engine))
    return Ahead(None, len(engine), not any(engine.watch.cut))


def _relative(absolute: Configuration, near: Configuration, state: State) -> Sequence[int]:
    """The state with its times as distances from now; those far back as far as a state can hold."""
    theirs, layout = absolute.layout(), near.layout()
    now, found = theirs.read(state, "now"), []
    for (name, number), slot in layout.slots.items():
        value, variable = theirs.read(state, name, number), layout.variables[slot]
        if variable is not None and variable.sort is TIME and value:
            value = max(1, value - now + RELATIVE_NOW)
        found.append(value + layout.offset(slot))
    if not all(0 <= value < 2 * RELATIVE_NOW for value in found):
        raise ValueError("times are further apart than a search can hold")
    return found
