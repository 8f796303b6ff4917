"""What the end of a run comes from: each value followed back to where it was read, chosen or won.

Computed from the model's own expressions. The last step breaks its property over some variables; the step
that wrote one of them did so from others, and so on. Of an expression counts what its value hangs on in the
state before: the branch that is taken, the first part that decides, and, beside a value that is a time, the
times with which it was compared (`weighed`).

What was read from etcd may have changed before it is used. `Unseen` says in which step that was, and which
guards, if any, compared the new value with what had been made of the old one. `Passed` says of a guard that
it passed only because somebody else had changed a key: before that change it would have refused.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from ...checker.run import Frame, Run
from ...model.language.expr import INT, TIME, Expr, Sort
from ...model.language.fold import fold
from ...model.language.instance import Instance
from ...model.language.layout import State
from ...model.language.python import Machine
from ...model.language.transition import SELF
from ...specs import liveness, properties

#: a variable and whose it is (0: the cluster's)
Place = tuple[str, int]

#: the true time, which servers read from their clocks; and what a step chooses
CLOCK: Place = ("now", 0)
CHOSEN = "input "

#: a chain that is longer says less than its beginning
MAX_LINKS = 40
#: what leads nowhere: the observer's flags (its values tell what it remembers), how far a save is
_FLAGS = ("noted", "noted_found", "job", "stage", "client_stage")


@dataclass(frozen=True, slots=True)
class Unseen:
    """What was read had changed before it was used: ``step`` (the last that changed it), to ``value``;
    ``compared``: (step, guard) that looked at the new value beside what had been made of the old one."""

    step: int
    value: int
    compared: tuple[tuple[int, str], ...]


@dataclass(frozen=True, slots=True)
class Link:
    """A value that counts: ``place`` has it since ``step`` (0: from the start), in which ``by`` took
    ``transition`` (0: the cluster).

    ``reads``: the links whose values it was made of; ``weighed``: those with which they were compared.
    ``clock``: it comes from a clock; ``chosen``: from outside (an admin, a client).
    """

    place: Place
    value: int
    step: int
    by: int
    transition: str
    reads: tuple[int, ...] = ()
    weighed: tuple[int, ...] = ()
    clock: bool = False
    chosen: bool = False
    unseen: Unseen | None = None


@dataclass(frozen=True, slots=True)
class Looked:
    """An etcd key on which the end hangs: when the server of the last step had looked at it last.

    ``step`` and ``guard``: its last look before ``changed``, the step in which somebody else wrote the key;
    no step: it never looked. ``value`` is what it found.
    """

    place: Place
    step: int | None
    guard: str
    value: int
    changed: int


@dataclass(frozen=True, slots=True)
class Passed:
    """A guard that the server of the last step met in ``step`` only because an etcd key had become ``value``.

    It was ``before`` until ``changed``, a step of somebody else; with that the guard refuses.
    """

    step: int
    guard: str
    place: Place
    before: int
    value: int
    changed: int


@dataclass(frozen=True, slots=True)
class Change:
    """A step in which an etcd key became something else."""

    step: int
    place: Place
    value: int


@dataclass(frozen=True, slots=True)
class Cause:
    """Where the violation by ``server`` in the last ``step`` comes from; ``saves``: that step is a save.

    ``ends``: the links that this step itself reads; ``cut``: there are more links than are kept.
    ``looked``, ``passed``: see there. ``asked``: the last step in which that server looked at any key (0:
    never), and ``since`` what others changed in etcd after it.
    """

    step: int
    server: int
    saves: bool
    links: tuple[Link, ...]
    ends: tuple[int, ...]
    looked: tuple[Looked, ...]
    passed: tuple[Passed, ...]
    asked: int
    since: tuple[Change, ...]
    cut: bool

    @property
    def steps(self) -> tuple[int, ...]:
        """Every step that has a part in it."""
        found = {self.step, *(link.step for link in self.links if link.step)}
        found |= {link.unseen.step for link in self.links if link.unseen}
        found |= {each.changed for each in self.looked} | {each.step for each in self.looked if each.step}
        found |= {each.step for each in self.passed} | {each.changed for each in self.passed}
        found |= {each.step for each in self.since}
        return tuple(sorted(found))


@dataclass(frozen=True, slots=True)
class _Read:
    """What an expression's value hangs on."""

    values: tuple[Place, ...] = ()
    weighed: tuple[Place, ...] = ()

    def __add__(self, other: _Read) -> _Read:
        return _Read((*self.values, *other.values), (*self.weighed, *other.weighed))


def cause(run: Run, machine: Machine, frames: Sequence[Frame]) -> Cause | None:
    """Where the violation at the end of a run comes from; None: it ends in none.

    ``frames`` are those of the whole run, taken by this machine.
    """
    if run.breaks is None or run.cycle_from is not None or not frames or run.breaks in liveness.known():
        return None
    prop, last = properties.named(run.breaks), frames[-1]
    index = machine.find(last.move.transition, last.move.server)
    if not properties.judged(prop.broken_by, machine, index, last.before, last.move.inputs):
        return None
    return _Slice(machine, frames).of(prop)


class _Slice:
    """The steps of a run, by what they wrote."""

    def __init__(self, machine: Machine, frames: Sequence[Frame]) -> None:
        self._machine = machine
        self._frames = frames
        self._instances = [
            machine.instances[machine.find(frame.move.transition, frame.move.server)] for frame in frames
        ]
        self._wrote: defaultdict[Place, list[int]] = defaultdict(list)
        for number, instance in enumerate(self._instances, 1):
            for place in instance.effect:
                self._wrote[place].append(number)
        self._links: list[Link] = []
        self._known: dict[tuple[Place, int], int] = {}
        #: the links that were not followed, for they are only compared with
        self._ends: set[int] = set()
        self._cut = False

    def of(self, prop: properties.Property) -> Cause | None:
        last, instance = self._frames[-1], self._instances[-1]
        said = prop.broken_by(instance.transition)
        if said is None:
            return None
        end = len(self._frames)
        read = self._read(self._folded(said, instance), last)
        if ("timestamp", 0) in instance.effect:
            read += self._read(instance.effect["timestamp", 0], last)
        elif not any(owner == last.move.server for _, owner in read.values):
            own = [self._read(each, last) for each in instance.tests.values()]
            read += _Read(
                tuple(place for each in own for place in each.values if place[1] == last.move.server)
            )
        places = [place for place in dict.fromkeys(read.values) if self._counts(place)]
        ends = tuple(dict.fromkeys(self._link(place, end) for place in places))
        keys = [place for place in places if not place[1] and place[0] in self._keys]
        asked = self._asked(last.move.server, end)
        return Cause(
            end,
            last.move.server,
            ("timestamp", 0) in instance.effect,
            tuple(self._aged(number, end) for number in range(len(self._links))),
            ends,
            tuple(filter(None, (self._looked(place, end) for place in keys))),
            tuple(self._passed(last.move.server, end)),
            asked,
            tuple(self._changed(asked, end, last.move.server)),
            self._cut,
        )

    # --- what an expression hangs on ---------------------------------------------------------------

    def _folded(self, expr: Expr, instance: Instance) -> Expr:
        return fold(expr, self._machine.configuration.known.acting(SELF.name, instance.number))

    def _read(self, expr: Expr, frame: Frame) -> _Read:
        """What its value hangs on in the state before that step."""
        match expr.op:
            case "var":
                return _Read(((expr.name, 0),))
            case "field":
                return _Read(((expr.name, expr.args[0].value),))
            case "now":
                return _Read((CLOCK,))
            case "input":
                return _Read(((CHOSEN + expr.name, 0),))
            case "ite":
                condition, then, other = expr.args
                taken = self._read(then if self._value(condition, frame) else other, frame)
                against = self._read(condition, frame)
                return replace(taken, weighed=(*taken.weighed, *against.values, *against.weighed))
            case "and" | "or":
                decides = expr.op == "or"
                values = [bool(self._value(arg, frame)) for arg in expr.args]
                if decides in values:
                    return self._read(expr.args[values.index(decides)], frame)
        return sum((self._read(arg, frame) for arg in expr.args), _Read())

    def _places(self, expr: Expr, step: int) -> frozenset[Place]:
        """What it hangs on in that step, in whatever way."""
        read = self._read(expr, self._frames[step - 1])
        return frozenset((*read.values, *read.weighed))

    def _value(self, expr: Expr, frame: Frame) -> int:
        return self._machine.value(frame.before, expr, frame.move.server, frame.move.inputs)

    def _counts(self, place: Place) -> bool:
        return place[0] not in _FLAGS and self._sort(place) not in (None, INT)

    def _sort(self, place: Place) -> Sort | None:
        variable = self._machine.layout.vocabulary.variables.get(place[0])
        return None if variable is None else variable.sort

    @property
    def _keys(self) -> frozenset[str]:
        """What etcd holds: the shared variables but the observer's and the raft leader."""
        shared = self._machine.layout.vocabulary.variables.values()
        return frozenset(
            each.name
            for each in shared
            if not each.per_server and not _observer(each.name) and each.name != "raft_leader"
        )

    # --- from value to value -----------------------------------------------------------------------

    def _link(self, place: Place, before: int, *, compared: bool = False) -> int:
        """The number of the link for what a place holds right before that step.

        Of what a value was only ``compared`` with, who saved it is far enough.
        """
        step, read = self._writer(place, before)
        ends = compared and place[0] in self._keys
        number = self._known.get((place, step))
        if number is None:
            number = self._known[place, step] = len(self._links)
            frame = self._frames[step - 1] if step else None
            state = frame.after if frame else self._frames[0].before
            by, transition = (frame.move.server, frame.move.transition) if frame else (0, "")
            self._links.append(Link(place, self._at(state, place), step, by, transition))
            self._cut |= len(self._links) >= MAX_LINKS
        elif number not in self._ends or ends:
            return number
        self._ends.discard(number)
        if ends and step:
            self._ends.add(number)
        elif step and len(self._links) < MAX_LINKS:
            self._follow(number, read, compared=compared)
        return number

    def _follow(self, number: int, read: _Read, *, compared: bool) -> None:
        """Find what a link was made of."""
        link = self._links[number]
        of_a_time = self._sort(link.place) is TIME
        values = [each for each in dict.fromkeys(read.values) if self._followed(each, link.place)]
        weighed = [
            each
            for each in dict.fromkeys(read.weighed)
            if of_a_time and self._sort(each) is TIME and each not in (*read.values, link.place)
        ]
        self._links[number] = replace(
            link,
            reads=tuple(self._link(each, link.step, compared=compared) for each in values),
            weighed=tuple(self._link(each, link.step, compared=True) for each in weighed),
            clock=CLOCK in read.values,
            chosen=any(name.startswith(CHOSEN) for name, _ in read.values),
        )

    def _followed(self, read: Place, made: Place) -> bool:
        """A time is made of times; who holds a key, and what a server is, of nothing that leads further."""
        return self._sort(read) is TIME and self._sort(made) is TIME

    def _writer(self, place: Place, before: int) -> tuple[int, _Read]:
        """The last step before that one which gave the place its value, and what it made it of."""
        steps = self._wrote[place]
        for at in range(bisect_left(steps, before) - 1, -1, -1):
            step = steps[at]
            frame, effect = self._frames[step - 1], self._instances[step - 1].effect[place]
            if self._leaves_alone(effect, place, frame):
                continue
            # what a server is, or who holds a key, counts from when it became so
            if self._sort(place) is TIME or self._at(frame.before, place) != self._at(frame.after, place):
                return step, self._read(effect, frame)
        return 0, _Read()

    def _leaves_alone(self, effect: Expr, place: Place, frame: Frame) -> bool:
        """Does the branch that is taken say that everything stays?"""
        while effect.op == "ite":
            condition, then, other = effect.args
            effect = then if self._value(condition, frame) else other
        return effect.op in ("var", "field") and self._read(effect, frame).values == (place,)

    def _at(self, state: State, place: Place) -> int:
        return self._machine.layout.read(state, *place)

    def _by(self, step: int) -> int:
        return self._frames[step - 1].move.server

    # --- what had changed meanwhile ------------------------------------------------------------------

    def _aged(self, number: int, end: int) -> Link:
        """The link, with what became of the etcd key that it was read from before the value was used last."""
        link = self._links[number]
        of = [self._links[each] for each in link.reads if self._links[each].place[0] in self._keys]
        if not of or not link.place[1] or link.place[0] in self._keys:
            return link
        key = of[0].place
        made = self._made_of(number)
        # until its own save has landed, or the value was used last
        landed = [step for step in self._wrote[key] if step > link.step and self._by(step) == link.by]
        until = min(landed, default=max((each.step for each in made), default=end))
        changes = [
            step
            for step in self._wrote[key]
            if link.step < step < until
            and self._at(self._frames[step - 1].before, key) != self._at(self._frames[step - 1].after, key)
        ]
        if not changes:
            return link
        last = changes[-1]
        compared = self._compared(key, made, changes[0], until, link.by)
        became = self._at(self._frames[last - 1].after, key)
        return replace(link, unseen=Unseen(last, became, tuple(compared)))

    def _made_of(self, number: int) -> list[Link]:
        """What its server made of a link's value, step by step."""
        by = self._links[number].by
        found: dict[int, None] = {}
        waiting = [number]
        while waiting:
            made = waiting.pop()
            for index, link in enumerate(self._links):
                if link.by == by and made in (*link.reads, *link.weighed) and index not in found:
                    found[index] = None
                    waiting.append(index)
        return [self._links[each] for each in found]

    def _compared(
        self, key: Place, made: Sequence[Link], since: int, until: int, by: int
    ) -> Iterator[tuple[int, str]]:
        """The guards of that server's steps that read the key beside something made of the old value."""
        for step in range(since + 1, until + 1):
            if self._by(step) != by:
                continue
            held = {each.place for each in made if each.step < step}
            for label, guard in self._instances[step - 1].tests.items():
                places = self._places(guard, step)
                if key in places and places & held:
                    yield step, label

    def _passed(self, server: int, end: int) -> Iterator[Passed]:
        """The guards that its steps met only because of what others did to a key since its part began."""
        begun = min((link.step for link in self._links if link.by == server), default=end)
        known: set[tuple[str, int]] = set()
        for step in range(begun + 1, end + 1):
            frame = self._frames[step - 1]
            for label, guard in self._instances[step - 1].tests.items() if self._by(step) == server else ():
                places = self._places(guard, step)
                for place in sorted(places):
                    changed = self._changer(place, step) if place[0] in self._keys else 0
                    if changed <= begun or self._by(changed) == server or (label, changed) in known:
                        continue
                    if any(self._reread(each, place, changed, step) for each in places - {place}):
                        continue
                    slot, old = self._machine.layout.slots[place], self._frames[changed - 1].before
                    was = (*frame.before[:slot], old[slot], *frame.before[slot + 1 :])
                    if not self._machine.value(was, guard, server, frame.move.inputs):
                        known.add((label, changed))
                        before, value = self._at(old, place), self._at(frame.before, place)
                        yield Passed(step, label, place, before, value, changed)

    def _reread(self, place: Place, key: Place, changed: int, before: int) -> bool:
        """Was it made of the key after that had changed?  Without the change it would be another."""
        step, read = self._writer(place, before)
        return step > changed and key in (*read.values, *read.weighed)

    def _changer(self, place: Place, before: int) -> int:
        """The last step before that one after which the place had another value; 0: none."""
        steps = self._wrote[place]
        for step in reversed(steps[: bisect_left(steps, before)]):
            frame = self._frames[step - 1]
            if self._at(frame.before, place) != self._at(frame.after, place):
                return step
        return 0

    def _asked(self, server: int, end: int) -> int:
        """The last step up to the end in which that server looked at a key."""
        for step in range(end, 0, -1):
            instance = self._instances[step - 1]
            observed = (value for (name, _), value in instance.effect.items() if not _observer(name))
            said = (*instance.tests.values(), *observed)
            if instance.number == server and any(
                not owner and name in self._keys for each in said for name, owner in self._places(each, step)
            ):
                return step
        return 0

    def _changed(self, since: int, until: int, server: int) -> Iterator[Change]:
        """What others changed in etcd between two steps."""
        for step in range(since + 1, until):
            frame = self._frames[step - 1]
            for place in self._instances[step - 1].effect if frame.move.server != server else ():
                value = self._at(frame.after, place)
                if place[0] in self._keys and value != self._at(frame.before, place):
                    yield Change(step, place, value)

    def _looked(self, key: Place, end: int) -> Looked | None:
        """When the last step's server looked at a key that somebody else wrote."""
        me = self._frames[-1].move.server
        changed, _ = self._writer(key, end)
        if not changed or self._by(changed) == me:
            return None
        for step in range(end, 0, -1):
            instance = self._instances[step - 1]
            if self._by(step) != me:
                continue
            labels = [label for label, guard in instance.tests.items() if key in self._places(guard, step)]
            reads = any(key in self._places(value, step) for value in instance.effect.values())
            if step > changed and (labels or reads):
                return None
            if labels or reads:
                found = self._at(self._frames[step - 1].before, key)
                return Looked(key, step, labels[0] if labels else "", found, changed)
        return Looked(key, None, "", 0, changed)


def _observer(name: str) -> bool:
    """Is it what the observer remembers, which no server knows?"""
    return name.startswith("noted")
