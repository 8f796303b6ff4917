"""Nothing that is proved is violated by a search: of random systems, each proved and searched.

A system: a build, fences joined on it, guards left out, perhaps assumptions; then constants, servers and
faults, several times. A pair: what is proved of a property in all of them, and what a search of one finds.
`make fuzz-proofs` tries as many as it is told, others each time; the seed of each is printed.
"""

from __future__ import annotations

import os
import random
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
import z3

from tsofence.checker.proof.induct import Decided, Induction, Known
from tsofence.checker.search.explore import explore
from tsofence.model.behaviours import known as behaviours
from tsofence.model.builds import known as builds
from tsofence.model.language.fold import fold
from tsofence.model.language.smt import Term
from tsofence.model.language.variant import Variant
from tsofence.model.pd import system
from tsofence.model.variants import fences
from tsofence.specs import lemmas
from tsofence.specs.assumptions import Assumption, assumption
from tsofence.specs.constraints import CONSTRAINTS, Constraint
from tsofence.specs.properties import PROPERTIES, Property
from tsofence.specs.scenario import FAULTS, Scenario, ScenarioError, parse

#: how many systems: of `make fuzz-proofs`, or of a large test
_GIVEN = os.environ.get("TSOFENCE_FUZZ_PROOFS")
SYSTEMS = int(_GIVEN or 2)
#: worlds of each system, states of each search
WORLDS, STATES = 8, 2_500
ASSUMED = "assumed"
#: fences of somebody's own
OWN = Path(__file__).resolve().parents[2] / "docs/own-fence"


@dataclass(frozen=True)
class System:
    """What a proof is about."""

    fence: str
    dropped: tuple[tuple[str, str], ...]
    assume: tuple[str, ...]

    @property
    def assumptions(self) -> list[Assumption]:
        return [assumption(name) for name in self.assume]


def some_system(chance: random.Random) -> System:
    """A build, up to three fences on it, somebody's own as well, up to two guards left out."""
    own = [fences.take(str(file)) for file in sorted(OWN.glob("*.py"))]
    there = [each for each in (*fences.SHIPPED, *own) if each != fences.NONE]
    while True:
        parts = chance.sample(there, chance.choice((0, 1, 1, 2, 3)))
        name = fences.of_build(chance.choice([*builds.SHIPPED]), "+".join(parts) or "off")
        try:
            whole = fences.whole(name)
            steps = system.transitions(whole)
        except ValueError:  # two that exclude each other
            continue
        guards = [(step.name, label) for step in steps for label in step.step.guard]
        dropped = tuple(chance.sample(guards, chance.choice((0, 0, 1, 1, 1, 2))))
        of = chance.choice(PROPERTIES).name
        return System(name, dropped, chance.choice(((), lemmas.enough(whole, of))))


def some_world(chance: random.Random) -> Scenario:
    """Up to three servers, small constants, a few faults."""
    while True:
        pd, tso = chance.choice(((1, 0), (2, 0), (1, 1), (1, 1), (2, 1), (0, 2), (1, 2)))
        guard = chance.choice((1, 1, 2))
        lines = [
            *("[servers]", f"pd = {pd}", f"tso = {tso}", f"api = {chance.randint(0, pd)}"),
            *(f"dynamic = {chance.randint(0, 1)}", "[time]", f"window = {chance.randint(1, 5)}"),
            *(f"guard = {guard}", f"lease = {chance.randint(1, 3)}", f"skew = {chance.choice((0, 0, 0, 1))}"),
            *("[clients]", f"limit = {chance.choice((2, 2, 3))}"),
        ]
        for kind in ("pd", "tso"):
            lines += [f"[faults.{kind}]", f"term = {chance.randint(1, 2)}"]
            for fault in chance.sample([each for each in FAULTS if each != "term"], chance.randint(0, 3)):
                lines.append(f"{fault} = 1")
        try:
            return parse("\n".join(lines), "random", "random")
        except ScenarioError:  # a fault of the other kind of server
            continue


def assuming(of: System, world: Scenario) -> str:
    """The fence, of which every step meets what is assumed."""
    if not of.assume:
        return of.fence
    variant = Variant(ASSUMED, "what is assumed of each step", source="a test")
    whole = behaviours.behaving(fences.parse(of.fence), world.allows)
    for step in system.transitions(whole):
        for each in of.assumptions:
            if (guard := each.guard(step)) is not None:
                variant.guard(step.name, each.name, guard)
    made = whole.joined(variant)
    # it has them already
    made.name, made.lacks = ASSUMED, frozenset(each.name for each in behaviours.BY_FAULT.values())
    made.under = {}
    return fences.add(made)


def unbroken(of: System, prop: Property) -> Induction | None:
    """The induction, if it goes through; what fails ends it."""
    induction = Induction(fences.whole(of.fence), prop, of.assumptions, dropped=of.dropped)
    return induction if all(_refuted(*each) for each in _questions(induction, prop)) else None


def _questions(induction: Induction, prop: Property) -> Iterator[tuple[Known, list[Term]]]:
    """What must be impossible: of the first states, then of each step."""
    first = induction.first()
    yield first, [induction.failure(first.view, lemma) for lemma in induction.lemmas]
    for step in induction.transitions:
        known = induction.guarded(step)
        after = induction.after(known, step)
        broken = prop.broken_by(step)
        fails = [induction.failure(after, lemma) for lemma in induction.lemmas]
        yield known, fails if broken is None else [*fails, known.view.of(broken)]


def _refuted(known: Known, goals: list[Term]) -> bool:
    """All at once, without asking which guards that needs."""
    with known.supposing(z3.Or(goals, known.view.world.context)):
        return bool(known.check(CONSTRAINTS) == z3.unsat)


def excused(needed: Sequence[Constraint], world: Scenario, of: System) -> bool:
    """Are the world's constants none of which the proof speaks?"""
    known = world.configuration(fences.parse(of.fence)).known
    return not all(fold(each.claim, known).value for each in needed)


def pairs(
    seed: int, proves: Callable[[System, Property], Induction | None] = unbroken
) -> Iterator[tuple[str, str, str]]:
    """Of one random system: by property and world, whether it is proved, and what a search finds.

    ``contradicted`` where both cannot be.
    """
    chance = random.Random(seed)
    of = some_system(chance)
    proofs = {prop.name: proves(of, prop) for prop in PROPERTIES}
    constraints: dict[str, tuple[Constraint, ...]] = {}
    for _ in range(WORLDS):
        world = some_world(chance)
        dropped = _there(of, world)
        searched = explore(
            world, assuming(of, world), PROPERTIES, dropped=dropped, max_states=STATES, wait=False
        )
        for finding in searched.findings:
            proof, verdict = proofs[finding.property], finding.verdict
            if proof is not None and verdict == "violated":
                needed = constraints.setdefault(finding.property, _needed(proof))
                verdict = "excused" if excused(needed, world, of) else f"contradicted by {of} in {world}"
            yield finding.property, "proved" if proof is not None else "not proved", verdict


def _needed(proof: Induction) -> tuple[Constraint, ...]:
    """The constraints on which it rests, as `prove` says."""
    for _ in proof.decide():
        pass
    return proof.constraints()


def _there(of: System, world: Scenario) -> tuple[tuple[str, str], ...]:
    """The guards that are left out, of steps that this world has."""
    whole = behaviours.behaving(fences.parse(of.fence), world.allows)
    guards = {(step.name, label) for step in system.transitions(whole) for label in step.step.guard}
    return tuple(each for each in of.dropped if each in guards)


@pytest.mark.large
def test_nothing_proved_is_violated(capsys: pytest.CaptureFixture[str]) -> None:
    first = random.SystemRandom().randrange(1 << 30) if _GIVEN else 0
    told: Counter[tuple[str, str]] = Counter()
    for seed in range(first, first + SYSTEMS):
        for prop, proof, verdict in pairs(seed):
            assert not verdict.startswith("contradicted"), f"seed {seed}: {prop} {verdict}"
            told[proof, verdict] += 1
        of_each = ", ".join(
            f"{proof} and {verdict} {many}" for (proof, verdict), many in sorted(told.items())
        )
        with capsys.disabled():  # as it goes, so that what ends it says with which seed
            sys.stdout.write(f"\nseeds {first} to {seed}, {sum(told.values())} pairs: {of_each}")
            sys.stdout.flush()
    assert sum(many for (proof, _), many in told.items() if proof == "proved")


def test_what_is_taken_for_proved_is_contradicted() -> None:
    """Whoever says that all is proved is found out soon."""

    class Believed(Induction):
        def decide(self) -> Iterator[Decided]:
            return iter(())

    def believed(of: System, prop: Property) -> Induction:
        return Believed(fences.whole(of.fence), prop, of.assumptions)

    assert any(
        verdict.startswith("contradicted") for seed in range(2, 20) for _, _, verdict in pairs(seed, believed)
    )
