"""Liveness of a scenario, decided on the graph of all its states.

Times are relative there, so cycles are real.  Limits of a scenario are never spent within a cycle; a step
that only a limit refuses counts as possible, so that a run does not look stuck where its budget is used up.

Of the reductions, only folding is used.  It is a bisimulation step by step and server by server, so the same
steps are possible forever, and taken.  The two others keep what can happen, but not whose turn it is:

- *Merging* would lose fair runs.  A save that has begun waits for one of two steps: it finds its key to be
  its own, or another's.  Where the key goes to and fro, neither is possible without a break, so a run that
  never takes either is (weakly) fair.  With the first one taken at once, the save waits for a step that is
  possible all the time, and that run is unfair.  A fair run of the smaller graph is one of the large one, but
  none says nothing.
- *Symmetry* loses who it was.  Where servers have changed places, a cycle may be closed in which one server
  steps and the other waits, by turns.  To be fair to each, edges have to say which servers changed places,
  and components have to be unfolded by that (Emerson and Sistla, 1997): they are as large then as they were,
  and it is they that take the time.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ...model.language.expr import TRUE, Expr, both, negate
from ...model.language.fold import fold
from ...model.language.instance import BUDGET_LEFT, FOLDING, Instance
from ...model.language.transition import SELF
from ...model.variants import fences
from ...specs.liveness import Fairness, Judge, Liveness
from ...specs.scenario import Scenario
from ..graph.arrays import Graph, Mask
from ..graph.edges import EDGE_BYTES, graph_of
from ..machine.expand import Expander
from ..reductions.folding import derive, of_liveness
from ..run import Move, Run, repeats, told_from
from ..search.engine import Engine, Plain
from ..search.findings import INTERRUPTED, Finding, Progress
from .columns import truth
from .fair import Counts, Demand, Lasso, enabled, lasso

#: states from which on machine code is worth its compilation
_SMALL = 20_000
#: bytes that deciding takes a state, beside the graph
_STATE_BYTES = 100


@dataclass(frozen=True, slots=True)
class Decision:
    """What became of one property.

    ``states`` and ``components`` were looked at for a fair cycle; ``fairness`` says what was assumed;
    ``note`` why a verdict is unknown or vacuous.
    """

    property: str
    verdict: str
    run: Run | None = None
    note: str = ""
    states: int = 0
    components: int = 0
    fairness: tuple[str, ...] = ()


class Cut(Exception):
    """The search ended before every state was found; says why."""


class States:
    """Every state of a scenario under a fence, and every step.

    What clients got is not observed: it makes no difference to what can happen.

    ``properties``: what else is asked than what comes with tsofence.  Without ``wait``, where it is not known
    yet how times may be folded, nothing is proved of how they are: then only runs that are found count.

    Raises:
        Cut: a bound, or ``stop``, ended the search.
        ValueError: unknown fence.
        KeyError: a guard to drop that does not exist.
    """

    def __init__(
        self,
        scenario: Scenario,
        fence: str,
        *,
        properties: Sequence[Liveness] = (),
        dropped: Sequence[tuple[str, str]] = (),
        max_states: int,
        memory: int,
        threads: Callable[[], int] = lambda: 1,
        progress: Callable[[Progress], None] | None = None,
        stop: Callable[[], bool] | None = None,
        wait: bool = True,
    ) -> None:
        configuration = scenario.configuration(fences.parse(fence), dropped)
        configuration = replace(
            configuration, domains={**configuration.domains, "note": (0,)}, reductions=frozenset({FOLDING})
        )
        self.scenario, self.fence, self.dropped = scenario, fence, tuple(dropped)
        first = list(scenario.first_states(configuration))

        def told(what: str) -> None:
            if stop is not None and stop():
                raise Cut(INTERRUPTED)

        self.folding = derive(configuration, first, of_liveness(properties), wait=wait, progress=told)
        self.expander = Expander(self.folding.of(configuration), (), first)
        self.first = np.arange(len(self.expander.starts))
        self.began = time.monotonic()
        self._memory, self._progress = memory, progress
        self.engine = self._searched(Plain(self.expander), max_states, threads, stop)
        watch = self.engine.watch
        if sum(watch.cut):
            raise Cut(f"{sum(watch.cut)} steps led to times further apart than a state can hold")
        self.tell(f"liveness: {sum(watch.fired)} steps once more, as a graph")
        needed = sum(watch.fired) * EDGE_BYTES + len(self.engine) * _STATE_BYTES
        if needed > memory:
            raise Cut(f"the graph needs {needed >> 20} MiB: raise --memory")
        self.graph: Graph = graph_of(self.engine)
        self._demands: dict[Hashable, tuple[list[Demand], list[str]]] = {}

    def _searched(
        self, plain: Plain, max_states: int, threads: Callable[[], int], stop: Callable[[], bool] | None
    ) -> Engine:
        engine: Engine = plain
        done = 0
        try:
            while done < len(engine):
                if isinstance(engine, Plain) and len(engine) >= _SMALL:
                    from ..search.native import Native

                    room = max_states + Engine.large_chunk * (len(engine.expander.instances) + 1)
                    engine = Native(engine, room, self._memory)
                engine.threads = threads()
                upto = min(len(engine), done + engine.piece(len(engine) - done))
                engine.expand(done, upto)
                done = upto
                if len(engine) > max_states:
                    raise Cut(f"more than {max_states} states: raise --max-states")
                if stop is not None and stop():
                    raise Cut(INTERRUPTED)
                self.tell("liveness: every state, without the observer", engine, len(engine) - done)
        except MemoryError:
            raise Cut(f"memory ran out at {len(engine)} states: raise --memory") from None
        return engine

    def tell(self, doing: str, engine: Engine | None = None, to_go: int = 0) -> None:
        """Whoever waits hears what is being done."""
        if self._progress is None:
            return
        engine = engine or self.engine
        steps, seconds = sum(engine.watch.fired), time.monotonic() - self.began
        self._progress(
            Progress(len(engine), steps, 0, to_go, None, seconds, engine.memory, self._memory, {}, doing)
        )

    def where(self, condition: Expr, number: int = 0) -> Mask:
        """The states in which a condition holds, of that server if it speaks of one."""
        known = self.expander.configuration.known.acting(SELF.name, number)
        return truth(self.engine, fold(condition, known))

    def steps(self, judge: Judge) -> Mask:
        """The edges that are steps of a kind."""
        found = np.zeros(self.graph.number_of_edges(), bool)
        for label, instance in enumerate(self.expander.instances):
            condition = self.expander.judged(judge, instance)
            if condition is None:
                continue
            edges = np.flatnonzero(self.graph.label == label)
            if condition.op != "literal":
                edges = edges[truth(self.engine, condition)[self.graph.leave(edges)]]
            found[edges] = True
        return found

    def starved(self, instance: Instance) -> Mask:
        """The states in which only a limit of the scenario refuses the step."""
        budget = instance.tests[BUDGET_LEFT]
        return truth(self.engine, both(*instance.guard.values(), negate(budget)))

    def never(self, judge: Judge) -> set[str]:
        """The limits of the scenario that are 0, so that no server ever takes such a step."""
        configuration = self.expander.configuration
        return {
            budget
            for transition in configuration.transitions
            for number in configuration.numbers(transition.rule.kind)
            if (budget := configuration.budget_of(transition, number)) is not None
            and configuration.budgets.get(budget) == 0
            and judge(transition) is not None
        }

    def demands(self, fairness: Mapping[str, Fairness]) -> tuple[list[Demand], list[str]]:
        """The fairness of each step of each server; and the limits that alone refused such a step."""
        key = tuple(sorted((name, how.name) for name, how in fairness.items()))
        if key not in self._demands:
            self._demands[key] = self._demanded(fairness)
        return self._demands[key]

    def _demanded(self, fairness: Mapping[str, Fairness]) -> tuple[list[Demand], list[str]]:
        instances = self.expander.instances
        groups: dict[tuple[str, int], list[int]] = {}
        for index, instance in enumerate(instances):
            if instance.name in fairness:
                groups.setdefault((instance.name, instance.number), []).append(index)
        classes = [np.isin(np.arange(len(instances)), members) for members in groups.values()]
        demands, limits = [], {}
        for group, labels, taken in zip(groups, classes, enabled(self.graph, classes), strict=True):
            name, able = group[0], taken
            for instance in (instances[index] for index in groups[group]):
                budget = instance.spends
                if budget is not None:
                    starved = self.starved(instance)
                    if starved.any():
                        limits[f"{budget} = {self.expander.configuration.budgets[budget]}"] = True
                    able = able | starved
            if able.any():
                demands.append(Demand(labels, able, fairness[name] is Fairness.STRONG))
        return demands, list(limits)


def decide(states: States, prop: Liveness) -> Decision:
    """Is there a fair run that never comes to the goal?

    Of what is asked of every server, the worst counts: violated, unknown, holds; vacuous, if it is so of all.

    Raises:
        AssertionError: the plain interpreter does not agree with the run found.
    """
    servers = prop.asked_of(len(states.scenario.server_names))
    found = [_decide(states, prop, number) for number in servers]
    worst = min(found, key=lambda each: (_WORST.index(each.verdict), len(each.run.moves) if each.run else 0))
    looked_at = (sum(each.states for each in found), sum(each.components for each in found))
    return replace(worst, states=looked_at[0], components=looked_at[1])


_WORST = ("violated", "unknown", "holds", "vacuous")


def _decide(states: States, prop: Liveness, number: int) -> Decision:
    graph = states.graph
    within = states.where(prop.during, number) & ~states.where(prop.goal, number)
    inside = ~states.steps(prop.reached_by)
    inside &= np.repeat(within, np.diff(graph.offset))
    inside &= within[graph.target]
    met = states.where(prop.premise, number)
    repeated = None if prop.repeated is None else states.steps(prop.repeated)
    demands, limits = states.demands(prop.fairness)
    counts = Counts()
    fairness = tuple(f"{name}: {how.name.lower()}" for name, how in sorted(prop.fairness.items()))

    def decision(verdict: str, note: str = "", run: Run | None = None) -> Decision:
        return Decision(prop.name, verdict, run, note, counts.states, counts.components, fairness)

    def search(demands: Sequence[Demand]) -> Lasso | None:
        return lasso(graph, states.first, met & within, inside, demands, repeated, counts)

    found = search(demands)
    if found is not None:
        return decision("violated", run=_run(states, prop, found))
    instances = states.expander.instances
    if prop.repeated is not None:
        steps = [step for step in instances if states.expander.judged(prop.repeated, step) is not None]
        budgets: set[str | None] = {step.spends for step in steps} or {*states.never(prop.repeated)}
        if not budgets:
            return decision("vacuous", "there is no such step")
        if None not in budgets:
            ended = ", ".join(sorted(filter(None, budgets)))
            return decision("unknown", f'the scenario limits what would go on forever: give {ended} as "any"')
    if not (met & states.where(prop.during, number)).any() or (repeated is not None and not repeated.any()):
        needed = sorted(states.never(_changes(prop.premise, prop.during)))
        small = ", ".join((*limits, *(f"{budget} = 0" for budget in needed)))
        if small:
            return decision(
                "unknown", f"nothing met its premise; of these limits some may be too small: {small}"
            )
        return decision("vacuous", "nothing met its premise")
    spent = ", ".join(limits)
    if spent:
        # what can happen in the scenario, without what only its limits refuse
        taken = enabled(graph, [demand.labels for demand in demands])
        able = [demand.only(states) for demand, states in zip(demands, taken, strict=True)]
        if search(able) is not None:
            return decision("unknown", f"a run ends only because limits of the scenario are used up: {spent}")
    return decision("holds")


def _changes(*conditions: Expr) -> Judge:
    """Steps that write something that these conditions are about."""
    about = {
        expr.name for condition in conditions for expr in condition.walk() if expr.op in ("var", "field")
    }
    return lambda transition: TRUE if about & transition.step.effect.keys() else None


def _run(states: States, prop: Liveness, found: Lasso) -> Run:
    """The lasso as a run with absolute times, which the plain interpreter has taken."""
    graph, expander = states.graph, states.expander
    edges = (*found.way, *found.cycle)
    origin = graph.source(edges[0]) if edges else 0
    first = states.engine.state(origin)
    taken = (expander.instances[int(graph.label[edge])] for edge in edges)
    run = Run(
        title=f"{prop.name} under {states.fence} in {states.scenario.name}",
        fence=states.fence,
        kinds=expander.configuration.kinds,
        names=states.scenario.server_names,
        constants=expander.configuration.constants,
        first=told_from(expander.layout, first),
        moves=tuple(Move(step.name, step.number, dict(step.inputs)) for step in taken),
        breaks=prop.name,
        dropped=states.dropped,
        cycle_from=len(found.way),
    )
    if not repeats(run):
        raise AssertionError(f"the plain interpreter does not agree that {run.title} goes on forever")
    return run


def findings(
    scenario: Scenario,
    fence: str,
    properties: Sequence[Liveness],
    *,
    dropped: Sequence[tuple[str, str]] = (),
    max_states: int,
    memory: int,
    threads: Callable[[], int] = lambda: 1,
    progress: Callable[[Progress], None] | None = None,
) -> Iterator[Finding]:
    """These properties as columns of the matrix; ``unknown`` where the states do not fit."""
    try:
        states = States(
            scenario,
            fence,
            properties=properties,
            dropped=dropped,
            max_states=max_states,
            memory=memory,
            threads=threads,
            progress=progress,
        )
    except Cut as cut:
        yield from (Finding(prop.name, "unknown", note=str(cut)) for prop in properties)
        return
    for number, prop in enumerate(properties, 1):
        states.tell(f"liveness: fair cycles, {prop.name} ({number} of {len(properties)})")
        yield _finding(decide(states, prop))


def _finding(found: Decision) -> Finding:
    steps = None if found.run is None else len(found.run.moves)
    return Finding(
        found.property,
        found.verdict,
        steps,
        found.run,
        tested=found.states,
        note=found.note,
        fairness=found.fairness,
    )
