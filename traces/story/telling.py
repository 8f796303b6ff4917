"""A run told step by step, as data: who did what, when, and what changed; `show.py` renders it."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from ...checker.run import Frame, Run, follow
from ...model.language.layout import Layout
from ...model.language.python import Machine
from ...model.language.transition import Kind
from ...model.pd.state import AHEAD, CLIENTS, DYNAMIC, JOB, LIMIT, OWN, POLLED, REGISTRY, ROLE
from ..output.terminal import clean
from . import because, stuck, why
from .because import Sentence
from .cause import Cause, cause
from .forever import Forever, forever
from .spelling import Spelling, State
from .words import WORDS, To, plain

_KINDS = {Kind.PD: "PD", Kind.TSO: "TSO server"}


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that a step changed in a lane; a value of several parts has one a line."""

    name: str
    before: str
    after: str

    def told(self) -> tuple[str, str]:
        """Before and after, without the parts with which both begin; of what ends, only what it is."""
        before, after = self.before.split("\n"), self.after.split("\n")
        if len(after) == 1:
            return before[0], after[0]
        while before[0] == after[0] and min(len(before), len(after)) > 1:
            del before[0], after[0]
        return "; ".join(before), "; ".join(after)


@dataclass(frozen=True, slots=True)
class Lane:
    """A server; the last lane is etcd's."""

    name: str
    kind: str


@dataclass(frozen=True, slots=True)
class Step:
    """One step.

    ``lane`` of who takes it (None: the cluster); ``changes`` by lane; ``fault``: something goes wrong
    that no server wanted; ``crucial``: the conclusion is about this step; ``repeats``: it belongs to what
    goes on forever.
    """

    number: int
    time: str
    lane: int | None
    text: str
    to: To
    fault: bool
    crucial: bool
    changes: tuple[tuple[Change, ...], ...]
    repeats: bool = False


@dataclass(frozen=True, slots=True)
class Story:
    """A whole run; what repeats forever stands at its end.

    ``facts`` are about all of it, ``conclusion`` says what its last step breaks and why, ``because`` where
    that comes from, or why nobody gets out; it is made of ``cause`` or ``forever``.
    """

    title: str
    facts: tuple[str, ...]
    lanes: tuple[Lane, ...]
    steps: tuple[Step, ...]
    conclusion: tuple[str, ...]
    because: tuple[Sentence, ...] = ()
    cause: Cause | None = None
    forever: Forever | None = None


@dataclass(frozen=True, slots=True)
class Taken:
    """A run whose steps the plain interpreter has taken again, and how its values are told."""

    run: Run
    machine: Machine
    say: Spelling
    frames: tuple[Frame, ...]


def take(run: Run) -> Taken:
    """Take each step again.

    Raises:
        RunError: a guard refuses a step.
    """
    machine = run.machine()
    return Taken(run, machine, Spelling(run, machine.layout), tuple(follow(run, machine)))


def tell(run: Run) -> Story:
    """The run as a story.

    Raises:
        RunError: a guard refuses a step.
    """
    return story_of(take(run))


def words_of(taken: Taken, frame: Frame) -> str:
    """A step in words, whether or not the run takes it."""
    words = WORDS.get(frame.move.transition) or plain(frame.move.transition)
    return words.text.format_map(_values(taken.run, taken.say, frame))


def story_of(taken: Taken) -> Story:
    """The story of a run whose steps were taken again."""
    run, machine, say, frames = taken.run, taken.machine, taken.say, taken.frames
    crucial = {why.remembered(run), len(frames) if run.breaks and run.cycle_from is None else None}
    lanes = Lanes(say, machine.layout)
    steps = [
        _step(run, say, lanes, frame, number, number in crucial) for number, frame in enumerate(frames, 1)
    ]
    unused = machine.layout.initial({("now", 0): say.start}, {})
    begins = lanes.changes(unused, machine.layout.initial(run.first, {}))
    if any(begins):
        steps.insert(0, Step(0, say.time(say.start), None, "at first", To.CLUSTER, False, False, begins))
    comes_from, repeats = cause(run, machine, frames), forever(run, machine, frames)
    told = because.sentences(comes_from, say) if comes_from else ()
    return Story(
        clean(run.title),
        tuple(_facts(run, say)),
        (*(Lane(say.names[n], _KINDS[kind]) for n, kind in enumerate(run.kinds, 1)), Lane("etcd", "keys")),
        tuple(steps),
        tuple(why.conclusion(run, machine, say, frames)),
        stuck.sentences(repeats, say) if repeats else told,
        comes_from,
        repeats,
    )


def _facts(run: Run, say: Spelling) -> Iterator[str]:
    many = Counter(run.kinds)
    servers = [f"{many[kind]} {word}{'s' * (many[kind] > 1)}" for kind, word in _KINDS.items() if many[kind]]
    yield f"fence {run.fence}; {', '.join(servers)}"
    if say.in_ms:
        yield f"times in ms from {datetime.fromtimestamp(say.start // 10**9, UTC):%Y-%m-%d %H:%M:%S} UTC"
    else:
        yield "times from the start of the run, in units of the physical part (1 ms in PD)"
    # what else is said below, and a bound of the scenario's, not the cluster's
    untold = (DYNAMIC.name, REGISTRY.name, AHEAD.name)
    yield ", ".join(
        f"{name.replace('_', ' ')} {value if name == LIMIT.name else say.span(value)}"
        for name, value in run.constants.items()
        if name not in untold
    )
    if run.constants.get(DYNAMIC.name):
        yield "dynamic switching is on"
    for transition, label in run.dropped:
        yield f"without the guard {label!r} of {transition}"
    if run.cycle_from is not None:
        yield f"steps {run.cycle_from + 1} to {len(run.moves)} then repeat forever"
    if not run.reachable:
        yield "the first state is one that the lemmas allow; a cluster may never get into it"


class Lanes:
    """What changes in each lane; only those are spelled in which anything does, for runs may be long."""

    def __init__(self, say: Spelling, layout: Layout) -> None:
        self._say = say
        #: where the variables of each lane stand; etcd's lane is the last, and has those that are shared
        self._slots = [
            [slot for (name, number), slot in layout.slots.items() if number == lane and name != "now"]
            for lane in (*range(1, layout.servers + 1), 0)
        ]

    def changes(self, before: State, after: State) -> tuple[tuple[Change, ...], ...]:
        """By lane, what a step from one state to the other changes."""
        return tuple(self._of(lane, before, after) for lane in range(len(self._slots)))

    def _of(self, lane: int, before: State, after: State) -> tuple[Change, ...]:
        if all(before[slot] == after[slot] for slot in self._slots[lane]):
            return ()
        old, new = (self._spelled(lane, state) for state in (before, after))
        return tuple(Change(name, old[name], new[name]) for name in new if old[name] != new[name])

    def _spelled(self, lane: int, state: State) -> dict[str, str]:
        is_server = lane < len(self._slots) - 1
        return self._say.server(state, lane + 1) if is_server else self._say.etcd(state)


def _step(run: Run, say: Spelling, lanes: Lanes, frame: Frame, number: int, crucial: bool) -> Step:
    move = frame.move
    words = WORDS.get(move.transition) or plain(move.transition)
    return Step(
        number,
        say.time(say.read(frame.after, "now")),
        move.server - 1 if move.server else None,
        words.text.format_map(_values(run, say, frame)),
        words.to,
        words.fault,
        crucial,
        lanes.changes(frame.before, frame.after),
        repeats=run.cycle_from is not None and number > run.cycle_from,
    )


def _values(run: Run, say: Spelling, frame: Frame) -> dict[str, str]:
    """What the templates in `words.py` may speak of."""
    n = frame.move.server
    if not n:
        return {}

    def was(name: str) -> int:
        return say.read(frame.before, name, n)

    def becomes(name: str) -> int:
        return say.read(frame.after, name, n)

    slot = CLIENTS if frame.move.transition.startswith(CLIENTS.prefix) else OWN
    goes_on = becomes(slot.prefix + "next") or was(slot.prefix + "next")
    by_clock = goes_on == say.read(frame.before, "now") + was("skew")
    syncs = slot is CLIENTS or was("job") == JOB.sync.value
    early = say.updates_early(frame.before, n)
    return {
        "key": "primary" if run.kinds[n - 1] is Kind.TSO else "leader",
        "leaves": "exits" if was("role") == ROLE.closing.value else "resigns",
        "lease_end": say.time(becomes("lease_end")),
        "skew": say.skew(becomes("skew")),
        "mode": "API" if becomes("api") else "service",
        "provider": "TSO servers" if was("api") and not was("promoted") else "PD",
        "polled": POLLED.members[becomes("polled")].replace("nothing", "nothing to do"),
        "physical": say.time(becomes("physical")),
        "next": say.time(goes_on),
        "origin": "its clock" if by_clock else "above the window",
        "window": say.window(frame.before, goes_on, n),
        "whose": "update" if early else "client's sync",
        "expected": say.time(was(slot.prefix + "seen") if syncs else was("saved")),
        "granted": say.granted(frame) if "count" in frame.move.inputs else "",
        **{f"etcd_{name.replace(' ', '_')}": value for name, value in say.etcd(frame.before).items()},
    }
