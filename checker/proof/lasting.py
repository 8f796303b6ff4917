"""What becomes of a liveness property: a proof by its rank, or a run that goes on forever.

Runs that are kept are tried first.  Where no rank is known, or an obligation fails, the small scenarios
in which the property may fail are searched as `explore` does; what is found there is fair, and taken by
the plain interpreter.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from ...model.language.variant import Variant
from ...specs.assumptions import Assumption
from ...specs.constraints import Constraint
from ...specs.lemmas import Lemma
from ...specs.liveness import Liveness
from ...specs.ranks import Rank, rank, worlds
from ..interruption import heed, noted
from ..liveness.liveness import Cut, States, decide
from ..run import Run
from .induct import Obligation
from .known import starving
from .ranking import Ranking
from .witness import met

#: states of a scenario that are looked at for such a run, and bytes that they may take
FEW = 40_000
_MEMORY = 1 << 30
_FOREVER = "a run that goes on forever"


@dataclass(frozen=True, slots=True)
class Lasting:
    """What became of it, in the words of `prove.Proof`."""

    verdict: str
    note: str
    obligations: tuple[Obligation, ...]
    counterexample: Run | None = None
    constraints: tuple[Constraint, ...] = ()
    lemmas: tuple[Lemma, ...] = ()
    rests_on: tuple[str, ...] = ()


def prove_lasting(
    fence: Variant,
    prop: Liveness,
    assumptions: Sequence[Assumption],
    nodes: int | None,
    dropped: tuple[tuple[str, str], ...],
    progress: Callable[[int, int, str], None] | None,
) -> Lasting:
    """Prove it, or show a run in which it fails.  Ctrl-C leaves what was found so far.

    Raises:
        KeyError: a guard to drop that does not exist.
    """
    attempt = _Attempt(fence, prop, assumptions, nodes, dropped, rank(fence, prop.name))
    try:
        return attempt.result(progress)
    except KeyboardInterrupt:
        return attempt.found("unknown", f"interrupted after {len(attempt.obligations)} obligations")


@dataclass(slots=True)
class _Attempt:
    """A proof under way."""

    fence: Variant
    prop: Liveness
    assumptions: Sequence[Assumption]
    nodes: int | None
    dropped: tuple[tuple[str, str], ...]
    rank: Rank | None
    obligations: list[Obligation] = field(default_factory=list)

    def result(self, progress: Callable[[int, int, str], None] | None) -> Lasting:
        """Decide all of it."""
        kept = starving(
            *(self.fence.name, self.prop),
            assumptions=self.assumptions,
            nodes=self.nodes,
            dropped=self.dropped,
        )
        run = self._run() if kept is None and self.rank is None else kept
        if run is not None:
            return self.found("violated", _FOREVER, run)
        if self.rank is None:
            return self.found("unknown", "no rank is known for it")
        ranking = Ranking(self.fence, self.prop, self.rank, self.assumptions, self.nodes, self.dropped)
        for decided in ranking.decide():
            self.obligations.append(decided.obligation)
            if progress is not None:
                done = decided.obligation
                progress(len(self.obligations), len(ranking), f"{done.transition}: {done.lemma}")
        failed = [each for each in self.obligations if each.result != "proved"]
        if failed:
            run = self._run()
            if run is not None:
                return self.found("violated", _FOREVER, run)
            which = f"{failed[0].transition}: {failed[0].lemma}"
            return self.found("unknown", f"its rank does not prove it ({which}), and no run was found")
        verdict, note = {
            True: ("proved", ""),
            False: ("vacuous", "no state meets its premise"),
            None: ("unknown", "it is proved, but z3 gave up on whether any state meets its premise"),
        }[ranking.is_tested()]
        return replace(self.found(verdict, note), constraints=ranking.constraints())

    def _run(self) -> Run | None:
        """A fair run that never comes to the goal, in one of the scenarios in which it may fail.

        Raises:
            KeyboardInterrupt: see `interruption`.
        """
        for scenario in worlds(self.prop.name):
            heed()
            if self.nodes is not None and scenario.pd + scenario.tso > self.nodes:
                continue
            try:
                states = States(
                    scenario,
                    self.fence.name,
                    properties=[self.prop],
                    dropped=self.dropped,
                    max_states=FEW,
                    memory=_MEMORY,
                    stop=noted,
                    wait=False,
                )
            except Cut:
                continue
            run = decide(states, self.prop).run
            if run is not None and len(met(run, self.assumptions)) == len(self.assumptions):
                return run
        heed()
        return None

    def found(self, verdict: str, note: str, run: Run | None = None) -> Lasting:
        """What is told of it."""
        return Lasting(
            verdict,
            note,
            tuple(self.obligations),
            run,
            lemmas=() if self.rank is None else self.rank.lemmas,
            rests_on=() if self.rank is None or verdict != "proved" else self.rank.granted(),
        )
