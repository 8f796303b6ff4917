"""Values and states of a run in words.

Times are told as distance from the start of the run: ``t+3``; in milliseconds where the run counts
nanoseconds.
"""

from ...checker.run import Frame, Run
from ...model.language.expr import BOOL, DURATION, NODE, TIME, Sort
from ...model.language.instance import belonging
from ...model.language.layout import Layout
from ...model.language.reconfigured import CONFIGURED, later
from ...model.language.transition import Kind
from ...model.pd.state import CLIENTS, JOB, LEASE_STATE, OWN, ROLE, STAGE, Slot
from ..output.terminal import clean
from ..sources.observation import NS_PER_MS

State = tuple[int, ...]

_STAGES = {
    STAGE.begun.value: "begun",
    STAGE.mine.value: "own key",
    STAGE.alone.value: "no primary",
    STAGE.read.value: "read",
    STAGE.hooked.value: "one more look",
}
#: variables that `etcd` and `server` tell in other words, and those of the observer
_KEYS = ("leader", "primary", "timestamp", "raft_leader")
_MEMORY = (
    "role",
    "promoted",
    "lease",
    "lease_end",
    "initialised",
    "physical",
    "logical",
    "saved",
    "tries",
    "skew",
)
_SAVE = ("job", *(slot.prefix + name for slot in (OWN, CLIENTS) for name in ("stage", "next", "seen")))
_OBSERVER = ("noted", "noted_physical", "noted_logical", "noted_found")
_TOLD = frozenset((*_KEYS, *_MEMORY, *_SAVE, *_OBSERVER))


class Spelling:
    """How one run's values are told."""

    def __init__(self, run: Run, layout: Layout) -> None:
        self._layout = layout
        self._kinds = run.kinds
        self._constants = run.constants
        self.start = run.first.get(("now", 0), 0)
        self.in_ms = run.constants["window"] >= NS_PER_MS
        #: by number; 0 is no server
        self.names = ("none", *map(clean, run.names))

    # --- values ----------------------------------------------------------------------------------

    def read(self, state: State, name: str, number: int = 0) -> int:
        """A variable of a server, or (0) of the cluster."""
        return self._layout.read(state, name, number)

    def span(self, value: int) -> str:
        """A length of time."""
        if not self.in_ms:
            return str(value)
        whole, rest = divmod(abs(value), NS_PER_MS)
        return ("-" if value < 0 else "") + f"{whole}.{rest:06}".rstrip("0").rstrip(".")

    def time(self, value: int) -> str:
        """A point in time."""
        return f"t{self._signed(value - self.start)}" if value else "none"

    def _signed(self, value: int) -> str:
        return self.span(value) if value < 0 else f"+{self.span(value)}"

    def skew(self, value: int) -> str:
        """How far a clock is off."""
        return self._signed(value) if value else "right"

    def value(self, sort: Sort, value: int) -> str:
        """A value of any sort."""
        if sort.members:
            return sort.members[value]
        if sort is BOOL:
            return "yes" if value else "no"
        if sort is NODE:
            return self.names[value]
        if sort is TIME:
            return self.time(value)
        return self.span(value) if sort is DURATION else str(value)

    def of_variable(self, name: str, value: int) -> str:
        """A value of that variable."""
        return self.value(self._layout.vocabulary.variables[name].sort, value)

    def timestamp(self, physical: int, first: int, last: int | None = None) -> str:
        """A timestamp, or several of one physical part."""
        logical = str(first) if last in (None, first) else f"{first}..{last}"
        return f"({self.time(physical)}, {logical})"

    def window(self, state: State, goes_on_from: int, number: int) -> str:
        """The window that a save of that server from there reserves."""
        fact = self._layout.vocabulary.facts["window"]
        found = belonging(self._constants, fact, self._kinds[number - 1], number)
        if others := later(self._constants, fact, number):
            found = (found, *others)[min(self.read(state, CONFIGURED.name, number), len(others))]
        return self.time(goes_on_from + found)

    def granted(self, frame: Frame) -> str:
        """What a client gets in a grant."""
        n = frame.move.server
        physical, logical = (self.read(frame.before, name, n) for name in ("physical", "logical"))
        return self.timestamp(physical, logical + 1, logical + frame.move.inputs["count"])

    # --- states ----------------------------------------------------------------------------------

    def etcd(self, state: State) -> dict[str, str]:
        """What etcd holds, by name."""
        return {
            "leader": self.names[self.read(state, "leader")],
            "primary": self.names[self.read(state, "primary")],
            "timestamp": self.time(self.read(state, "timestamp")),
            "raft leader": self.names[self.read(state, "raft_leader")],
            **self._others(state, 0),
        }

    def server(self, state: State, number: int) -> dict[str, str]:
        """What a server has in memory, by name."""
        role, lease, lease_end, physical, logical, saved, tries, skew = (
            self.read(state, name, number)
            for name in ("role", "lease", "lease_end", "physical", "logical", "saved", "tries", "skew")
        )
        leads_tso = role == ROLE.leader.value and self._kinds[number - 1] is Kind.TSO
        ends = lease == LEASE_STATE.running.value
        is_set = self.read(state, "initialised", number)
        return {
            "is": "primary" if leads_tso else ROLE.members[role],
            "lease": f"ends {self.time(lease_end)}" if ends else LEASE_STATE.members[lease],
            "physical": self.time(physical) if is_set else "none",
            "logical": str(logical),
            "window": self.time(saved),
            "save": self._saving(state, number, OWN, self.read(state, "job", number)),
            "client's sync": self._saving(
                state, number, CLIENTS, (JOB.update if self.updates_early(state, number) else JOB.sync).value
            ),
            "failed saves": str(tries),
            "clock": self.skew(skew),
            **self._others(state, number),
        }

    def updates_early(self, state: State, number: int) -> bool:
        """What is in flight where a client's sync was is an update: there is no second such sync."""
        known = "requested" in self._layout.vocabulary.variables
        in_flight = self.read(state, "client_stage", number) != STAGE.idle.value
        return known and in_flight and bool(self.read(state, "requested", number))

    def _saving(self, state: State, number: int, slot: Slot, job: int) -> str:
        """The save in flight and how far it is, a part a line."""
        stage, goes_on, seen = (
            self.read(state, slot.prefix + name, number) for name in ("stage", "next", "seen")
        )
        if stage == STAGE.idle.value:
            return "no"
        if stage == STAGE.loaded.value:
            return f"{JOB.members[job]}\nloaded {self.time(seen)}"
        how_far = _STAGES.get(stage, STAGE.members[stage])
        return f"{JOB.members[job]}\nto {self.window(state, goes_on, number)}\n{how_far}"

    def _others(self, state: State, number: int) -> dict[str, str]:
        """Variables that have no words of their own."""
        return {
            variable.name.replace("_", " "): self.value(
                variable.sort, self.read(state, variable.name, number)
            )
            for variable in self._layout.vocabulary.variables.values()
            if variable.per_server == bool(number) and variable.name not in _TOLD
        }
