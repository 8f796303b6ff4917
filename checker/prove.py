"""Proofs for any number of servers, any constants, any clocks within their bound, unbounded time.

A property is `proved` when every first state meets its lemmas, every transition keeps them, and
they and the guards exclude the step that breaks it.  Where that fails, a real run is looked for;
without one the verdict is `unknown`, and the counterexample is one to induction only.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ..model.fence import Fence
from ..specs.lemmas import assumption, enough
from ..specs.properties import Property
from .induct import Counterexample, Induction, Obligation
from .run import Run
from .witness import confirm, real_run, step_of

#: progress(obligations done, all of them, the one just done)
ProgressFunction = Callable[[int, int, str], None]


@dataclass(frozen=True, slots=True)
class Proof:
    """What became of one property under one fence.

    ``verdict``: proved, vacuous (proved, but no step meets its premise), violated, unknown.
    ``nodes``: how many servers, None for any number.  ``never_fires``: transitions that the lemmas
    exclude.  ``counterexample``: a real run where violated, else one to induction, if any.
    """

    fence: str
    property: str
    verdict: str
    nodes: int | None
    assumptions: tuple[str, ...]
    obligations: tuple[Obligation, ...]
    counterexample: Run | None = None
    never_fires: tuple[str, ...] = ()
    note: str = ""


def prove(
    fence: Fence,
    prop: Property,
    *,
    assume: Sequence[str] = (),
    nodes: int | None = None,
    dropped: Sequence[tuple[str, str]] = (),
    progress: ProgressFunction | None = None,
) -> Proof:
    """Prove the property, or show what is in the way.  Ctrl-C leaves what was found so far.

    ``assume`` names assumptions of `specs.lemmas`; ``dropped`` lists guards (transition, label) to
    leave out.

    Raises:
        ValueError: an unknown assumption, or less than one server.
        KeyError: a guard to drop that does not exist.
    """
    if nodes is not None and nodes < 1:
        raise ValueError(f"a system has at least one server, not {nodes}")
    assumptions = [assumption(name) for name in assume]
    induction = Induction(fence, prop, assumptions, nodes, dropped)
    obligations: list[Obligation] = []
    failures: list[Counterexample] = []

    def result(verdict: str, note: str, run: Run | None = None, never: tuple[str, ...] = ()) -> Proof:
        return Proof(
            fence.name, prop.name, verdict, nodes, tuple(assume), tuple(obligations), run, never, note
        )

    missing = [f"--assume {name}" for name in enough(fence, prop.name) if name not in assume]
    hint = f"; to be proved with {' '.join(missing)}" if missing and not dropped else ""
    try:
        for decided in induction.decide():
            obligations.append(decided.obligation)
            if decided.why is not None:
                failures.append(decided.why)
            if progress is not None:
                name = f"{decided.obligation.transition}: {decided.obligation.lemma}"
                progress(len(obligations), len(induction), name)
        if all(obligation.result == "proved" for obligation in obligations):
            if not induction.is_tested():
                return result("vacuous", "no step meets its premise", never=induction.impossible())
            return result("proved", "", never=induction.impossible())
        run = real_run(fence.name, prop, assumptions, nodes, dropped)
        if run is not None:
            return result("violated", "a run from a first state" + hint, run)
    except KeyboardInterrupt:
        return result("unknown", f"interrupted after {len(obligations)} of {len(induction)} obligations")
    if not failures:
        return result("unknown", "z3 gave up on an obligation" + hint)
    # The property itself says more than a lemma that is not kept.
    why = next((why for why in failures if why.lemma is None), failures[0])
    run = step_of(why, fence.name, prop, dropped)
    confirm(run, induction.lemmas, why.lemma, prop)
    return result("unknown", f"{run.title}; its first state may be one that no run reaches{hint}", run)
