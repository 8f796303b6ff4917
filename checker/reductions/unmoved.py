"""Whether what is looked for in states is the same in all states that a search takes for one.

Folded, two states differ in times and in what may be forgotten; where steps are taken at once, in a save
that is ahead. A condition that looks at none of these has one value in both, so nothing has to be proved of
it, and what was proved without it serves. (That equal servers change places is another matter: `symmetry`.)
"""

from __future__ import annotations

from ...model.language.expr import TIME
from ...model.language.instance import Configuration
from ...model.pd.past import FORGETS
from ...model.pd.state import SLOTS
from ...specs.phrases.sought import Sought
from ...specs.properties import Property
from .candidates import mentioned, own_places


def looks_at_what_may_move(prop: Property, configuration: Configuration) -> bool:
    """Has what is asked to be part of the proofs? Of a property always, for it is asked of steps."""
    if not isinstance(prop, Sought):
        return True
    means = configuration.transitions[0].means
    times = {each.name for each in configuration.vocabulary.variables.values() if each.sort is TIME}
    forgotten = {name for forget in FORGETS for name in forget.variables}
    ahead = {name for slot in SLOTS for name in own_places(slot)}
    return bool(mentioned(means(prop.condition)) & (times | forgotten | ahead | {"now"}))
