"""Runs that show why a proof fails: checked by the plain interpreter before anybody sees them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

import z3

from ...model.language.expr import BOOL, DURATION, NODE, TIME, Expr, Sort
from ...model.language.instance import belonging
from ...model.language.smt import Term, View, World, number
from ...model.language.transition import SELF, Kind
from ...model.pd import system
from ...model.variants import fences
from ...specs.assumptions import Assumption
from ...specs.constraints import CONSTRAINTS, parameters
from ...specs.lemmas import Lemma
from ...specs.properties import Property
from ..run import Move, Run, RunError, breaks, follow
from .counterexample import Counterexample

#: PD's own figures, in ms (one day for `maxResetTSGap`)
_FIGURES = {
    "window": 3000,
    "guard": 1,
    "unit": 1,
    "lease": 5000,
    "limit": 1 << 18,
    "max_reset": 86_400_000,
    "ahead": 86_400_000,
}
#: ms by which clocks differ where a run needs that they do
_SKEW = 10
#: the true time at which a run is told
_START = 1_000_000


def step_of(why: Counterexample, fence: str, prop: Property, dropped: Sequence[tuple[str, str]]) -> Run:
    """A counterexample to induction as a run of one step; its first state need not be reachable."""
    counts = {Kind.PD: 0, Kind.TSO: 0}
    names = []
    for kind in why.kinds:
        counts[kind] += 1
        names.append(f"{kind.name.lower()}{counts[kind]}")
    fails = prop.name if why.lemma is None else f"lemma {why.lemma.name!r}"
    moves = () if why.transition is None else (Move(why.transition.name, why.actor, why.inputs),)
    return Run(
        title=f"{fails} under {fence}: counterexample to induction",
        fence=fence,
        kinds=why.kinds,
        names=tuple(names),
        constants=why.constants,
        first=why.state,
        moves=moves,
        breaks=prop.name if why.lemma is None else None,
        dropped=tuple(dropped),
        reachable=False,
    )


def confirm(run: Run, lemmas: Iterable[Lemma], failed: Lemma | None, prop: Property) -> None:
    """Let the plain interpreter take the step of a counterexample to induction.

    Raises:
        AssertionError: it does not see what z3 saw; one of the two interpreters is wrong.
    """
    machine = run.machine()
    before = after = machine.layout.initial(run.first, {})
    try:
        for frame in follow(run, machine):
            after = frame.after
    except RunError as error:
        raise AssertionError(f"{run.title}: {error}") from error
    doubted = [lemma.name for lemma in lemmas if run.moves and not machine.value(before, lemma.claim)]
    if doubted:
        raise AssertionError(f"{run.title}: these lemmas do not hold before it: {', '.join(doubted)}")
    if machine.value(after, failed.claim) if failed is not None else not breaks(run, prop, machine):
        raise AssertionError(f"{run.title}: the plain interpreter sees nothing wrong")


def shown(found: Run, prop: Property, assumptions: Sequence[Assumption]) -> Run:
    """A run of a small scenario as it is shown: its times, constants and inputs left open and solved for, so
    that it is told in PD's own figures, where these assumptions allow that.

    Raises:
        AssertionError: the run does not meet the assumptions.
    """
    if len(met(found, assumptions)) < len(assumptions):
        raise AssertionError(f"{found.title}: a run was sought that meets all assumptions")
    told = in_figures(found, prop)
    return told if told is not None and len(met(told, assumptions)) == len(assumptions) else found


def met(run: Run, assumptions: Sequence[Assumption]) -> frozenset[str]:
    """Which of these every step of the run meets, by name."""
    # an assumption may speak of what the run's own system has no need of
    machine = replace(run, reachable=False).machine()
    left = {assumption.name: assumption for assumption in assumptions}
    for frame in follow(run, machine):
        instance = machine.instances[machine.find(frame.move.transition, frame.move.server)]
        for assumption in tuple(left.values()):
            guard = assumption.guard(instance.transition)
            if guard is not None and not machine.value(
                frame.before, guard, frame.move.server, frame.move.inputs
            ):
                del left[assumption.name]
    return frozenset(left)


def in_figures(run: Run, prop: Property) -> Run | None:
    """The same steps with PD's own constants and with times and inputs to match, if there are any."""
    skew = _SKEW if run.constants["skew_bound"] else 0
    figures = {**_FIGURES, "skew_bound": skew, "margin": 2 * skew + _FIGURES["guard"]}
    # what is left is no figure: whether there are PDs in API mode, and what these may do
    constants = {name: _in_figures(name, value) for name, value in run.constants.items()} | figures
    path = _Path(run, prop, constants)
    if path.solver.check() != z3.sat:
        return None
    told = path.run(path.solver.model())
    if not breaks(told, prop):
        raise AssertionError(f"the plain interpreter does not agree that {told.title} at other times")
    return told


def _in_figures(name: str, value: int) -> int:
    """What differs between servers, in seconds: so are the save intervals that people set."""
    return value * 1000 if "." in name else value


class _Path:
    """The steps of a run, with everything but their order left open."""

    def __init__(self, run: Run, prop: Property, constants: Mapping[str, int]) -> None:
        self._run = run
        self._constants = constants
        self._world = World(len(run.kinds), z3.Context())
        self.solver = z3.Optimize(ctx=self._world.context)
        fence = fences.whole(run.fence)
        self._vocabulary = system.vocabulary(fence)
        self._transitions = {t.name: t for t in system.transitions(fence, run.dropped)}
        view = first = self._first()
        for expr in parameters(fence):
            value = self._world.literal(expr.sort, constants[expr.name])
            self.solver.add(self._world.parameter(expr) == value)
        self.solver.add([first.of(each.claim) for each in CONSTRAINTS])
        for owner in self._world.servers:
            skew = first.read("skew", owner)
            self.solver.add(-constants["skew_bound"] <= skew, skew <= constants["skew_bound"])
        nothing = broken = self._world.literal(BOOL, False)
        for step, move in enumerate(run.moves):
            transition = self._transitions[move.transition]
            actor = self._world.literal(NODE, move.server)
            view = replace(view, inputs=self._inputs(step)).binding(SELF.name, actor)
            self.solver.add([view.of(guard) for guard in transition.step.guard.values()])
            broken_by = prop.broken_by(transition)
            broken = nothing if broken_by is None else view.of(broken_by)
            view = view.after(transition.step.effect, actor)
        # The last step is the one that is to break it.
        self.solver.add(broken)
        self.solver.minimize(view.shared["now"])

    def _first(self) -> View:
        """The first state: the run's; the true time and the clocks stay open but for bounds."""
        world = self._world
        skews = world.view(self._vocabulary)
        kinds = [world.literal(BOOL, kind is Kind.TSO) for kind in self._run.kinds]

        def read(name: str, owner: Term) -> Term:
            if name == "skew":
                return skews.read(name, owner)
            index = next((i for i, known in enumerate(world.servers) if z3.eq(known, owner)), None)
            if index is None:  # whom a variable names
                *others, last = world.servers
                value = read(name, last)
                for known in others:
                    value = z3.If(owner == known, read(name, known), value)
                return value
            if name == "is_tso":
                return kinds[index]
            if name in self._vocabulary.facts:
                fact, kind = self._vocabulary.facts[name], self._run.kinds[index]
                return world.literal(fact.sort, belonging(self._constants, fact, kind, index + 1))
            variable = self._vocabulary.variables[name]
            return world.literal(variable.sort, self._run.first.get((name, index + 1), variable.initial))

        shared = {
            v.name: world.literal(v.sort, v.initial)
            for v in self._vocabulary.variables.values()
            if not v.per_server
        }
        return View(world, {**shared, "now": world.literal(TIME, _START)}, read, world.servers)

    def _inputs(self, step: int) -> Callable[[Expr], Term]:
        return lambda expr: self._world.constant(f"{step} {expr.name}", expr.sort)

    def run(self, model: z3.ModelRef) -> Run:
        """The run that a model describes."""

        def value(term: Term, sort: Sort) -> int:
            return number(model.eval(term, model_completion=True), sort)

        moves = []
        for step, move in enumerate(self._run.moves):
            terms = self._inputs(step)
            inputs = {e.name: value(terms(e), e.sort) for e in self._transitions[move.transition].rule.inputs}
            moves.append(replace(move, inputs=inputs))
        first = self._first()
        clocks = {("now", 0): _START}
        for index, owner in enumerate(self._world.servers, 1):
            clocks["skew", index] = value(first.read("skew", owner), DURATION)
        given = {key: value for key, value in {**self._run.first, **clocks}.items() if value}
        return replace(
            self._run,
            title=f"{self._run.breaks} under {self._run.fence}, in ms, with PD's own figures",
            constants=self._constants,
            first=given,
            moves=tuple(moves),
        )
