"""The proof of `merging`: whatever the system does, a search that takes some steps at once follows it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, cached_property
from itertools import pairwise, permutations

import z3

from ...model.language.expr import Expr
from ...model.language.smt import Term, View
from ...model.language.transition import SELF, Kind, Transition
from ...model.pd.state import ROLE, STAGE, Slot
from ...specs.properties import Property
from .candidates import Candidate, candidates, is_step, mentioned, own_places
from .questions import OpenSystem, holding, shown, supposing

#: of how many steps a way may be on which a save that is ahead catches up with a failure
_FAR = 3


@dataclass(frozen=True, slots=True)
class Failure:
    """A question that z3 did not answer as hoped; ``blamed``: the candidates that were ahead there."""

    about: str
    blamed: tuple[Candidate, ...]


@dataclass(frozen=True, eq=False, slots=True)
class _Ahead:
    """One way to be ahead: the steps, when that may be, and what becomes of the save, in terms of S."""

    steps: tuple[Candidate, ...]
    condition: Term
    places: Mapping[str, Term]


def never(system: OpenSystem, known: Sequence[Term], candidate: Candidate) -> bool:
    """Is it shown that the step is never taken at once?"""
    when = [system.of(system.before, expr) for expr in candidate.when]
    return shown(system.solver(*known, system.acts(candidate.transition), *when))


def unstable(system: OpenSystem, known: Sequence[Term], candidate: Candidate) -> tuple[str | None, int]:
    """The step, if any, that may turn what has to go on holding for the candidate, without moving its save;
    and how many questions that took."""
    said = (*candidate.kept, *candidate.when)
    stage, asked = candidate.slot.prefix + "stage", 0
    for transition in system.transitions:
        writes = mentioned(*said) & transition.step.effect.keys()
        if not writes:
            continue
        after = system.after(transition)
        servers = system.servers[: 2 if system.looks_elsewhere(writes) else 1]
        turns = [
            z3.And(
                *(system.of(system.before, expr, server) for expr in said),
                after.read(stage, server) == system.before.read(stage, server),
                z3.Not(z3.And([system.of(after, expr, server) for expr in said])),
            )
            for server in servers
        ]
        solver = system.solver(*known, system.acts(transition))
        asked += 1
        if not shown(solver, z3.Or(turns)):
            return transition.name, asked
    return None, asked


class Simulation:
    """That the candidates may be taken at once, all of them together.

    ``claims`` hold in every state; ``properties`` are what is asked of the steps.
    """

    def __init__(
        self,
        system: OpenSystem,
        candidates: Sequence[Candidate],
        claims: Sequence[Expr],
        properties: Sequence[Property],
    ) -> None:
        self.system, self.candidates, self.properties = system, tuple(candidates), tuple(properties)
        self.claims = tuple(claims)
        self.asked = 0
        slots = {each.slot.prefix: each.slot for each in candidates}
        self._slots = tuple(slots.values())
        self._private = {name for slot in self._slots for name in own_places(slot)}
        fields = {
            name: z3.Function(
                f"{name} ahead", system.world.node_sort, system.world.sort(system.variables[name].sort)
            )
            for name in self._private
        }
        s = system.before
        self._s = s
        self._t = replace(
            s, read=cache(lambda name, owner: fields[name](owner) if name in fields else s.read(name, owner))
        )
        self._chains = {slot.prefix: list(self._chains_of(slot)) for slot in self._slots}
        looked_at = [
            expr
            for each in candidates
            for expr in (*each.when, *each.kept, *each.transition.step.effect.values())
        ]
        #: on which variables it depends whether two states are alike
        self._about = self._private | mentioned(*looked_at) | {"role"}

    @cached_property
    def _steps(self) -> list[Transition]:
        """The steps that T may take while S takes another."""
        return [
            each
            for each in self.system.transitions
            if any(is_step(each, slot, self.system.variables) for slot in self._slots)
        ]

    def _chains_of(self, slot: Slot) -> Iterator[tuple[Candidate, ...]]:
        """In which order steps may follow each other."""
        own = [each for each in self.candidates if each.slot is slot]
        going_on = [each for each in own if not each.fails]
        ends: list[tuple[Candidate, ...]] = [(), *((each,) for each in own if each.fails)]
        for many in range(len(going_on) + 1):
            for some in permutations(going_on, many):
                if _follow(some, slot):
                    yield from ((*some, *end) for end in ends if some or end)

    # --- alike ---------------------------------------------------------------------------------------

    def _ways(self, view: View, server: Term, slot: Slot) -> Iterator[_Ahead]:
        """The ways in which a save of that server may be ahead of a state."""
        names = own_places(slot)
        for chain in self._chains[slot.prefix]:
            at, conditions = view, []
            for each in chain:
                said = (*each.kept, *each.when)
                conditions += [
                    self.system.of(view, expr, server)
                    if at is view
                    else at.binding(SELF.name, server).of(expr)
                    for expr in said
                ]
                at = at.binding(SELF.name, server).after(each.transition.step.effect, server)
            yield _Ahead(chain, z3.And(conditions), {name: at.read(name, server) for name in names})

    def alike(self, s: View, t: View, server: Term) -> Term:
        """Is S like T, as far as the saves of that server go?"""
        return z3.And([self._alike(s, t, server, slot) for slot in self._slots])

    def _alike(self, s: View, t: View, server: Term, slot: Slot) -> Term:
        there = {name: t.read(name, server) for name in own_places(slot)}
        same = z3.And([s.read(name, server) == value for name, value in there.items()])
        ways = [
            z3.And(way.condition, *(way.places[name] == value for name, value in there.items()))
            for way in self._ways(s, server, slot)
        ]
        # a process that is gone: what it has on its way in T need not be on its way in S
        ended = slot.ended()
        gone = [
            s.read("role", server) == s.of(ROLE.down),
            *(s.read(name, server) == s.of(value) for name, value in ended.items()),
            *(s.read(name, server) == value for name, value in there.items() if name not in ended),
        ]
        return z3.Or(same, z3.And(gone), *ways)

    def _agree(self, s: View, t: View, names: set[str], servers: Sequence[Term]) -> Term:
        """Do they agree in these variables, but for what a save may be ahead in?"""
        agree = []
        for name in names - self._private:
            if name in s.shared:
                agree.append(s.shared[name] == t.shared[name])
            else:
                agree += [s.read(name, server) == t.read(name, server) for server in servers]
        return z3.And([each for each in agree if not z3.is_true(z3.simplify(each))])

    # --- questions -----------------------------------------------------------------------------------

    def failures(self, progress: Callable[[int, int], None]) -> Iterator[Failure]:
        """What is not shown, the first things that fail first; ``progress``: how many steps were gone
        through, of how many."""
        # those that have most to do with saves tell most
        for number, transition in enumerate(
            sorted(self.system.transitions, key=lambda each: -len(self._private & set(each.step.effect)))
        ):
            progress(number, len(self.system.transitions))
            yield from self._followed(transition)
        yield from self._closed()
        yield from self._through()

    @cached_property
    def _alike_now(self) -> list[Term]:
        """S and T are states of the system, and alike."""
        system = self.system
        return [
            *system.everywhere(self._s, self.claims),
            *system.everywhere(self._t, self.claims),
            *(self.alike(self._s, self._t, server) for server in (system.actor, system.other)),
        ]

    @cached_property
    def _nothing_left(self) -> list[Term]:
        """Nothing is to be taken at once in T."""
        return [z3.Not(self._at_once(self._t, each)) for each in self.candidates]

    def _at_once(self, view: View, candidate: Candidate) -> Term:
        """Is that step taken at once in this state?"""
        when = [self.system.of(view, expr) for expr in candidate.when]
        return z3.And(self.system.acts(candidate.transition, view), *when)

    def _closed(self) -> Iterator[Failure]:
        """A step taken at once leads T to a state that is alike as well."""
        system = self.system
        for each in self.candidates:
            t = system.after(each.transition, self._t)
            goal = z3.And(
                self.alike(self._s, t, system.actor),
                self._agree(self._s, t, set(each.transition.step.effect), [system.actor]),
            )
            solver = system.solver(*self._alike_now, self._at_once(self._t, each))
            if not self._shown(solver, z3.Not(goal)):
                yield Failure(f"{each.name} at once", (each,))

    def _through(self) -> Iterator[Failure]:
        """After one look at each step, in order, none is left that would be taken at once."""
        system = self.system
        solver = system.solver(*system.everywhere(self._s, self.claims))
        for number, each in enumerate(self.candidates):
            after = system.after(each.transition)
            earlier = [
                z3.And(z3.Not(self._at_once(self._s, other)), self._at_once(after, other))
                for other in self.candidates[:number]
                if other is not each
            ]
            again = self._at_once(after, each)
            if not self._shown(solver, self._at_once(self._s, each), z3.Or(again, *earlier)):
                yield Failure(f"{each.name} before others", (each,))

    def _followed(self, transition: Transition) -> Iterator[Failure]:
        system = self.system
        step = transition.step
        judged = [expr for prop in self.properties if (expr := prop.broken_by(transition)) is not None]
        looked_at = mentioned(*step.guard.values(), *step.effect.values(), *judged)
        writes = set(step.effect)
        if not looked_at & self._private and not writes & self._about:
            return  # T takes the same step, and nothing changes on which it depends what is alike
        servers = (
            (system.actor, system.other) if system.looks_elsewhere(writes & self._about) else (system.actor,)
        )
        s2, t2 = system.after(transition, self._s), system.after(transition, self._t)

        def leads(t: View, more: set[str]) -> Term:
            return z3.And(
                *(self.alike(s2, t, server) for server in servers), self._agree(s2, t, writes | more, servers)
            )

        ways = [z3.And(system.acts(transition, self._t), leads(t2, set())), leads(self._t, set())]
        told = [
            z3.Implies(
                system.of(self._s, expr), z3.And(system.acts(transition, self._t), system.of(self._t, expr))
            )
            for expr in judged
        ]
        solver = system.solver(*self._alike_now, *self._nothing_left, system.acts(transition))
        while True:
            with supposing(solver, z3.Not(z3.And(z3.Or(ways), *told))):
                self.asked += 1
                if shown(solver):
                    return
                model = solver.model() if solver.check() == z3.sat else None
                way = model and self._way(transition, leads, model)
                if way is None:
                    yield Failure(f"{transition.name} followed", self._blamed(model, servers))
                    return
            ways.append(way)

    def _way(
        self, transition: Transition, leads: Callable[[View, set[str]], Term], model: z3.ModelRef
    ) -> Term | None:
        """Steps of a save that bring T to a state alike, in that model, and when they do."""
        for steps in self._ways_on(transition, model, self._t, ()):
            view, conditions, more = self._t, [], set[str]()
            for step in steps:
                if view is not self._t:
                    # what is taken at once comes first
                    others = (each for each in self.candidates if each.transition is not step)
                    conditions += [z3.Not(self._at_once(view, each)) for each in others]
                conditions.append(self.system.acts(step, view))
                view, more = self.system.after(step, view), more | set(step.step.effect)
            way = z3.And(*conditions, leads(view, more))
            if z3.is_true(model.eval(way, model_completion=True)):
                return way
        return None

    def _ways_on(
        self, transition: Transition, model: z3.ModelRef, view: View, before: tuple[Transition, ...]
    ) -> Iterator[tuple[Transition, ...]]:
        """Steps of a save that T may take one after the other in that model, the fewest first."""
        for step in self._steps:
            if step.rule.kind not in (Kind.ANY, transition.rule.kind):
                continue
            if z3.is_true(model.eval(self.system.acts(step, view), model_completion=True)):
                yield (*before, step)
                if len(before) + 1 < _FAR:
                    yield from self._ways_on(
                        transition, model, self.system.after(step, view), (*before, step)
                    )

    def _blamed(self, model: z3.ModelRef | None, servers: Sequence[Term]) -> tuple[Candidate, ...]:
        """The last step by which each save is ahead there."""
        if model is None:
            return ()
        blamed = []
        for server in servers:
            for slot in self._slots:
                for way in self._ways(self._s, server, slot):
                    places = (self._t.read(name, server) == value for name, value in way.places.items())
                    if z3.is_true(model.eval(z3.And(way.condition, *places), model_completion=True)):
                        blamed.append(way.steps[-1])
                        break
        return tuple(sorted(blamed, key=lambda each: not each.fails))

    def _shown(self, solver: z3.Solver, *suppose: Term) -> bool:
        self.asked += 1
        return shown(solver, *suppose)


def _follow(steps: Sequence[Candidate], slot: Slot) -> bool:
    """May each be taken at the stage to which the one before leads?  Only what is plainly impossible is
    not."""
    stage = slot.prefix + "stage"
    return all(
        _may_be_at(later.transition, stage, earlier.transition.step.effect[stage])
        for earlier, later in pairwise(steps)
    )


def _may_be_at(transition: Transition, stage: str, value: Expr) -> bool:
    said = [guard for guard in transition.step.guard.values() if stage in mentioned(guard)]
    named = [
        part.value for guard in said for part in guard.walk() if part.op == "literal" and part.sort is STAGE
    ]
    return value.op != "literal" or value.value in named


@dataclass(frozen=True, slots=True)
class Shown:
    """Which candidates may be taken at once, and of which not even the narrowest could be shown; after how
    many questions."""

    steps: tuple[Candidate, ...]
    refused: tuple[Candidate, ...]
    asked: int


def followed(
    system: OpenSystem,
    claims: Mapping[str, Expr],
    properties: Sequence[Property],
    progress: Callable[[str], None],
) -> Shown:
    """Candidates under the widest conditions under which they can be shown, all together.

    Raises:
        KeyboardInterrupt: see `interruption`.
    """
    kept, asked = holding(system, claims)
    known = system.everywhere(system.before, kept.values())
    left, refused = list[Candidate](), list[Candidate]()

    def narrow(candidate: Candidate) -> list[Candidate]:
        """What is left of it."""
        narrower = candidate.narrowed()
        if narrower is None:
            refused.append(candidate)
            return []
        return [narrower]

    waiting = candidates(system.transitions, system.variables)
    many, tries = len(waiting), 0
    while waiting:
        candidate = waiting.pop(0)
        progress(f"{candidate.name} by itself, {many - len(waiting)} of {many}")
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
        tries += 1
        together = f"{len(left)} steps together, try {tries}"
        simulation = Simulation(system, left, list(kept.values()), properties)
        told = simulation.failures(lambda done, of: progress(f"{together}: {done} of {of}"))  # noqa: B023
        failure = next(told, None)
        asked += simulation.asked
        if failure is None:
            break
        blamed = failure.blamed[0] if failure.blamed else left[-1]
        at = next(number for number, each in enumerate(left) if each is blamed)
        left[at : at + 1] = narrow(blamed)
    return Shown(tuple(left), tuple(refused), asked)
