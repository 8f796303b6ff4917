"""What else is asked of PD's history, beside the properties that come with tsofence."""

from tsofence.model.language.expr import NOBODY, TRUE, ZERO, Expr, both, either, negate
from tsofence.model.language.transition import SELF, Transition
from tsofence.model.pd import state as s
from tsofence.model.pd.state import ROLE
from tsofence.specs.properties import Property


def _lands(transition: Transition) -> Expr | None:
    """A save lands."""
    return TRUE if "timestamp" in transition.step.effect else None


def _lands_for_another(transition: Transition) -> Expr | None:
    """A save lands although its server does not hold its election key."""
    return s.election_key(SELF) != SELF if _lands(transition) is not None else None


LEADER_SAVES = Property(
    "leader-saves",
    "a save lands only while its server holds its election key",
    broken_by=_lands_for_another,
    tested_by=_lands,
)


def _remembers_a_window(transition: Transition) -> Expr | None:
    """Another end of the saved window than before gets into memory."""
    after = transition.step.effect.get("saved")
    return None if after is None else both(after != s.saved[SELF], after != ZERO)


WINDOW_IS_SAVED = Property(
    "window-is-saved",
    "what a server takes for the end of its window is what it has just saved",
    broken_by=lambda step: None if "timestamp" in step.step.effect else _remembers_a_window(step),
    tested_by=_remembers_a_window,
)


def _memory_is_set(transition: Transition) -> Expr | None:
    """What was empty gets a time."""
    after = transition.step.effect.get("initialised")
    return None if after is None else both(negate(s.initialised[SELF]), after)


def _memory_is_set_elsewhere(transition: Transition) -> Expr | None:
    """So it does in a server that does not lead."""
    is_set = _memory_is_set(transition)
    return None if is_set is None else both(s.role[SELF] != ROLE.leader, is_set)


LEADER_REMEMBERS = Property(
    "leader-remembers",
    "memory that was reset is set again only by a server that leads",
    broken_by=_memory_is_set_elsewhere,
    tested_by=_memory_is_set,
)

LEADER_ANSWERS = Property(
    "leader-answers",
    "a request is answered only by a server that is enabled as leader or primary",
    broken_by=lambda step: negate(s.promoted[SELF]) if step.name == "grant" else None,
    tested_by=lambda step: TRUE if step.name == "grant" else None,
)


def _tso_server_wins(transition: Transition) -> Expr | None:
    return s.is_tso[SELF] if transition.name == "campaign" else None


TARGET_WINS = Property(
    "target-wins",
    "while a TSO server is expected as primary, no other one wins",
    broken_by=lambda step: (
        both(s.is_tso[SELF], s.expected != NOBODY, s.expected != SELF) if step.name == "campaign" else None
    ),
    tested_by=_tso_server_wins,
)


def _leaves(transition: Transition) -> Expr | None:
    """A TSO primary that serves gives up by itself, though nobody else is expected."""
    after = transition.step.effect.get("role")
    if after is None or transition.name in ("stop", "crash"):
        return None
    unasked = either(s.expected == NOBODY, s.expected == SELF)
    return both(s.is_tso[SELF], s.serving(SELF), s.promoted[SELF], after != ROLE.leader, unasked)


STAYS = Property(
    "stays",
    "a TSO primary that serves does not step down while no other server is expected",
    broken_by=_leaves,
    tested_by=lambda step: s.is_tso[SELF] if step.name == "chosen_as_primary" else None,
)
