"""The model as replay drives it: one state, steps by name, and a note of every guard that refused one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import copy
from functools import cache
from operator import itemgetter

from ...checker.run import Move
from ...model.language.instance import Configuration
from ...model.language.python import Condition, Machine
from ...model.language.reconfigured import CONFIGURED, named
from ...model.language.rolling import ROLLING
from ...model.language.transition import Kind
from ...model.pd import system
from ...model.pd.state import JOB, LEASE_STATE, POLLED, REGISTRATION, ROLE, STAGE
from ...model.variants import fences
from ...specs import properties
from ...specs.properties import Property
from ..sources.builds import upgraded_at
from ..sources.observation import NS_PER_MS
from .seen import NOISE_NS
from .timeline import Timeline

FOLLOWER, LEADER, RESIGNING, CLOSING, DOWN = range(len(ROLE.members))
NO_LEASE, KEPT, RUNNING = range(len(LEASE_STATE.members))
NO_JOB, SYNC, UPDATE, ADMIN = range(len(JOB.members))
IDLE, LOADED, BEGUN = STAGE.members.index("idle"), STAGE.members.index("loaded"), STAGE.members.index("begun")
LISTED = REGISTRATION.members.index("listed")
NOBODY_LISTED, SOMEBODY_LISTED = POLLED.members.index("nobody"), POLLED.members.index("somebody")

#: faults, and how surprising each is where nothing in the trace shows it but its effects
FAULTS = {
    "keepalive_stops": 2,
    "request_lost": 2,
    "revoke_lost": 3,
    "commit_answer_lost": 3,
    "crash": 3,
    "stop": 4,
    "admin_reset": 4,
    "admin_reset_begin": 4,
    "registration_lapses": 2,
    "client_request_lost": 2,
    "client_commit_answer_lost": 3,
}
_STARTS = (*fences.STARTS, *map(named, fences.STARTS))
_SURPRISE = FAULTS | dict.fromkeys((*_STARTS, "raft_moves", "client_load"), 1)
_CLOCK_SURPRISE = 5
#: a clock that is ahead of the memory by more than so many update intervals, and by so much, is told of
UPDATES, JET_LAG_NS = 3, 150 * NS_PER_MS

#: what a log shows alike
ALIKE = {"admin_reset_begin": "admin_reset"} | dict.fromkeys(_STARTS, "restart")

State = tuple[int, ...]
#: a transition, the server it was refused (0: none in particular) and the guard
Refusal = tuple[str, int, str]

NO_SUCH_STEP = "there is no such step under this fence"
NO_SUCH_CHANGE = "etcd shows no such change"
NOT_SET = "no clock is known to have been set"
SEEN_BEFORE = "that was seen before it can have been"

#: the properties that are judged on explanations: they need to know who did what
SINGLE_WRITER, ONE_LIVE, TWO_OF_A_KIND = "single-writer", "one-live", "two-of-a-kind"
DEDUCED = (SINGLE_WRITER, ONE_LIVE, TWO_OF_A_KIND)


class World:
    """The transitions under one fence, for the servers and constants of a timeline.

    ``asked``: properties of somebody's own, to be judged at each step.
    """

    def __init__(
        self,
        fence: str,
        timeline: Timeline,
        dropped: Sequence[tuple[str, str]] = (),
        asked: Sequence[Property] = (),
    ) -> None:
        self.fence, self.dropped = fence, tuple(dropped)
        variant = fences.configured(fences.whole(fence), timeline.constants)
        self.kinds = timeline.kinds
        self.constants = timeline.constants
        self.machine = Machine(
            Configuration(
                system.vocabulary(variant),
                system.transitions(variant, dropped),
                timeline.kinds,
                timeline.constants,
                relative=False,
            )
        )
        self.slots = self.machine.layout.slots
        self.checks = any(each.name == "find_no_primary" for each in self.machine.instances)
        #: does a save look at the election key?
        self.compares_leader = any(each.name == "refused_not_leader" for each in self.machine.instances)
        #: does it matter who is expected as primary?
        self.expects = any(
            each.name in ("expects_itself", "chosen_as_primary") for each in self.machine.instances
        )
        self.index = {(each.name, each.number): i for i, each in enumerate(self.machine.instances)}
        self.servers = range(1, len(timeline.kinds) + 1)
        self.pds = tuple(n for n in self.servers if timeline.kinds[n - 1] is Kind.PD)
        #: what of a state observations may not change unless they tell of it
        self.keys = itemgetter(
            *(self.slots[name, 0] for name in ("leader", "primary", "expected", "timestamp")),
            *(self.slots["registration", n] for n in self.servers),
        )
        #: at which of its starts a server was upgraded, where it is known of which build it was
        self.upgraded_at = _upgraded_at(fence, timeline)
        self._configured = [self.slots.get((CONFIGURED.name, n)) for n in (0, *self.servers)]
        self._windows, self._leases = timeline.windows, timeline.leases
        self._saves = {name for name, _ in self.index if name.endswith(("commit", "commit_answer_lost"))}
        self._asked = tuple(asked)
        self._judging = cache(self._judge)
        self._observe(timeline)

    def _observe(self, timeline: Timeline) -> None:
        self._shown = timeline.shown
        self.denied = timeline.denied
        self.steady = timeline.steady
        self.refused: dict[Refusal, None] = {}
        #: servers whose logs' silence refused a step
        self.silent: set[int] = set()

    def observed(self, timeline: Timeline) -> World:
        """The same for other observations of the same servers, with nothing of somebody's own to judge."""
        other = copy(self)
        other._asked = ()
        other._observe(timeline)
        return other

    def with_any_clock(self) -> World:
        """The same, with its notes, but for what logs' silence tells of clocks."""
        other = copy(self)
        other.steady = {}
        return other

    def surprise(self, name: str, number: int) -> int:
        """How much less likely the step makes an explanation."""
        surprise = _SURPRISE.get(name, 0)
        if surprise > 1 and (ALIKE.get(name, name), number) in self._shown:
            return 1
        return surprise

    def leads(self, state: State) -> frozenset[int]:
        """The servers that lead."""
        return frozenset(n for n in self.servers if state[self.slots["role", n]] == LEADER)

    def breaks(self, state: State, name: str, number: int, inputs: Mapping[str, int]) -> tuple[str, ...]:
        """Which of the properties judged on explanations the step breaks."""
        judged: tuple[str, ...] = ()
        if name == "grant":
            judged = (ONE_LIVE, TWO_OF_A_KIND) if len(self.leads(state)) > 1 else ()
        elif name in self._saves:
            judged = (SINGLE_WRITER,) if state[self.slots["primary", 0]] else ()
        asked = [*map(properties.named, judged), *self._asked]
        if not asked:
            return ()
        index = self.index[name, number]
        return tuple(each.name for each in asked if self._judging(each, index)(state, inputs))

    def configured(self, state: State, number: int) -> int:
        """How often a server has been started with other settings."""
        slot = self._configured[number]
        return 0 if slot is None else state[slot]

    def window(self, state: State, number: int) -> int:
        """The save interval of a server."""
        return self._windows[number - 1][self.configured(state, number)]

    def lease(self, state: State, number: int) -> int:
        """The lease of a server (ns)."""
        return self._leases[number - 1][self.configured(state, number)]

    def _judge(self, prop: Property, index: int) -> Condition:
        return properties.judging(prop.broken_by, self.machine, index)


def _upgraded_at(fence: str, timeline: Timeline) -> dict[int, float]:
    old, rolls, new = fences.parted(fence)[0].rpartition(ROLLING)
    if not rolls:
        return {}
    found = {n: upgraded_at(started, old, new) for n, started in timeline.builds.items()}
    return {n: at for n, at in found.items() if at is not None}


class Draft:
    """A way to go on from a state: steps taken so far and how surprising they are."""

    __slots__ = ("broken", "cost", "moves", "state", "world")

    def __init__(self, world: World, state: State) -> None:
        self.world = world
        self.state = state
        self.moves: tuple[Move, ...] = ()
        self.cost = 0
        self.broken: tuple[str, ...] = ()

    def copy(self) -> Draft:
        """Another one that goes on from here."""
        other = Draft(self.world, self.state)
        other.moves, other.cost, other.broken = self.moves, self.cost, self.broken
        return other

    def get(self, name: str, number: int = 0) -> int:
        """A variable of the state."""
        return self.state[self.world.slots[name, number]]

    @property
    def now(self) -> int:
        """The true time (ns), as far as it is known to have gone on."""
        return self.get("now")

    def clock(self, number: int) -> int:
        """What a server's clock shows."""
        return self.now + self.get("skew", number)

    def window(self, number: int) -> int:
        """The save interval of a server."""
        return self.world.window(self.state, number)

    def lease(self, number: int) -> int:
        """The lease of a server (ns)."""
        return self.world.lease(self.state, number)

    def election_key(self, number: int) -> int:
        """Who holds the key that the server campaigns for."""
        return self.get("primary" if self.world.kinds[number - 1] is Kind.TSO else "leader")

    def serving(self, number: int) -> bool:
        """Whether the server leads and its lease has not run out."""
        lease = self.get("lease", number)
        running = lease == RUNNING and self.now < self.get("lease_end", number)
        return self.get("role", number) == LEADER and (lease == KEPT or running)

    def running_out(self, number: int) -> bool:
        """Whether nobody keeps the server's lease alive, and etcd has not deleted its key yet."""
        return self.get("lease", number) == RUNNING and self.election_key(number) == number

    def refused(self, name: str, number: int, **inputs: int) -> tuple[str, ...] | None:
        """The guards that refuse a step; `None` where the fence has no such step."""
        index = self.world.index.get((name, number))
        if index is None:
            return None
        until = self.world.denied.get((name, number))
        if until is not None and self.now < until:
            self.world.silent.add(number)
            return ("the server's log would tell of it",)
        return self.world.machine.refused(self.state, index, inputs)

    def refuse(self, name: str, number: int, *labels: str) -> bool:
        """Note who refused what; false."""
        for label in labels:
            self.world.refused[name, number, label] = None
        return False

    def do(self, name: str, number: int = 0, *, seen: bool = False, **inputs: int) -> bool:
        """Take a step if its guards allow it; only one that is `seen` in etcd may change etcd's keys."""
        refused = self.refused(name, number, **inputs)
        if refused is None:
            return self.refuse(name, number, NO_SUCH_STEP)
        if refused:
            return self.refuse(name, number, *refused)
        world = self.world
        after = world.machine.apply(self.state, world.index[name, number], inputs)
        if not seen and world.keys(after) != world.keys(self.state):
            return self.refuse(name, number, NO_SUCH_CHANGE)
        self.broken += world.breaks(self.state, name, number, inputs)
        self.cost += world.surprise(name, number)
        self.moves += (Move(name, number, inputs),)
        self.state = after
        return True

    def wait(self, until: int) -> None:
        """Time goes on to `until`, if it is not past."""
        if until - self.now >= NS_PER_MS:
            self.do("tick", by=until - self.now)

    def read_clock(self, number: int, reading: int, latest: int, *, jumps: bool) -> bool:
        """Go on to where the server's clock shows `reading`, not past `latest`; or set its clock.

        A reading that is a little earlier than now was taken before what was explained last. Larger
        differences need `jumps`.
        """
        skew = self.get("skew", number)
        for offset in (skew, 0):
            then = reading - offset
            if then == self.now or self.now + NS_PER_MS <= then <= latest:
                if offset != skew and not self.do("clock_jump", number, by=0):
                    return False
                self.wait(then)
                return True
        by = reading - self.now
        large = abs(by - skew) > NOISE_NS
        if large and not jumps:
            return self.refuse("clock_jump", number, NOT_SET)
        until, interval = self.world.steady.get(number, (0, 1))
        told = large and self.now < until and self.get("initialised", number)
        ahead = reading - max(latest + skew, self.get("physical", number))
        if told and ahead > max(UPDATES * interval, JET_LAG_NS):
            self.world.silent.add(number)
            return self.refuse("clock_jump", number, "the server's log would tell of it")
        self.cost += _CLOCK_SURPRISE * large
        return self.do("clock_jump", number, by=by)
