"""Proofs on the other core: of the properties that lemmas leave in no doubt, those that follow from the same.

A process of its own decides them as this one would, and says what it found as plain figures.  It says nothing
of what it cannot prove: whoever asked then does so itself, and looks for runs.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from ...model.variants import fences
from ...specs import own, properties
from ...specs.assumptions import assumption
from ...specs.constraints import CONSTRAINTS
from ...specs.properties import Property
from ..interruption import heed
from ..processes.matrix import cores
from ..processes.worker import Watcher, Worker
from .attempt import Proof, proved
from .induct import Before, Induction
from .runs import Files, is_known_elsewhere, take

#: obligations of one system from which on a second process is worth its start; how many this one decides
#: meanwhile
WORTH, START = 800, 200
#: seconds between two looks whether Ctrl-C has come
_BEAT = 0.2


@dataclass(frozen=True, slots=True)
class Proving:
    """What is to be proved of a system; ``spelled``: its steps, and the lemmas of each property, as
    `Induction.spelled` has them; ``files``: somebody's own builds, fences and properties."""

    fence: str
    properties: tuple[str, ...]
    assumptions: tuple[str, ...]
    nodes: int | None
    dropped: tuple[tuple[str, str], ...]
    spelled: tuple[str, ...]
    files: Files

    def work(self, watcher: Watcher) -> None:
        """Prove one after the other, and tell each as soon as it is decided."""
        take(self.files)
        before: Before = {}
        assumed = [assumption(name) for name in self.assumptions]
        fence = fences.whole(self.fence)
        for name, spelled in zip(self.properties, self.spelled, strict=True):
            prop, proof = properties.named(name), None
            made = Induction(fence, prop, assumed, self.nodes, self.dropped, before=before)
            if made.spelled() == spelled:  # else this process knows another system by that name
                proof = proved(fence, prop, assumed, self.nodes, self.dropped, before)
            watcher.send(Told(name, None if proof is None else _plain(proof)))


@dataclass(frozen=True, slots=True)
class Plain:
    """A proof without its lemmas, and its constraints by their formulas: these are known by what they are."""

    proof: Proof
    constraints: tuple[str, ...]

    def whole(self, induction: Induction) -> Proof:
        """With those of the process that asked."""
        taken = tuple(each for each in CONSTRAINTS if each.formula in self.constraints)
        return replace(self.proof, lemmas=induction.lemmas, constraints=taken)


def _plain(proof: Proof) -> Plain:
    return Plain(replace(proof, lemmas=(), constraints=()), tuple(each.formula for each in proof.constraints))


@dataclass(frozen=True, slots=True)
class Told:
    """What became of a property; None: it is not proved."""

    property: str
    plain: Plain | None


class Beside:
    """A process that proves some properties of a system meanwhile, seen from the one that asked."""

    def __init__(self) -> None:
        self._worker: Worker[Proving] | None = None
        self._awaited: set[str] = set()
        self._told: dict[str, Plain] = {}

    def begin(
        self, fence: str, sure: Iterable[Induction], nodes: int | None, dropped: tuple[tuple[str, str], ...]
    ) -> None:
        """Give some of these properties away, so that both processes have about as much to do: those that
        follow from the same lemmas stay together."""
        same: dict[tuple[int, ...], list[Induction]] = {}
        for each in sure:
            if is_known_elsewhere(each.prop):
                same.setdefault(each.alike, []).append(each)
        most_first = sorted(same.values(), key=lambda alike: -max(map(len, alike)))
        whole = sum(len(first) for first, *_ in most_first)
        if len(same) < 2 or whole < WORTH or cores() < 2 or fences.is_here(fence):
            return
        here, there = 0, START
        given: list[Induction] = []
        for alike in most_first:
            if here <= there:
                here += len(alike[0])
            else:
                there += len(alike[0])
                given += alike
        if not given:
            return
        names = tuple(each.prop.name for each in given)
        assumed = tuple(each.name for each in given[0].assumptions)
        files = fences.files("build"), fences.files("fence"), own.files()
        spelled = tuple(each.spelled() for each in given)
        self._awaited = set(names)
        self._worker = Worker(Proving(fence, names, assumed, nodes, dropped, spelled, files), 1)

    def awaits(self, name: str) -> bool:
        """Was the property so called given away?"""
        return name in self._awaited

    def proof(self, prop: Property) -> Plain | None:
        """The proof of this property, if it was given away and there is one.

        Raises:
            KeyboardInterrupt: see `interruption`.
        """
        while prop.name in self._awaited and self._worker is not None:
            heed()
            try:
                if not self._worker.connection.poll(_BEAT):
                    continue
                told = self._worker.connection.recv()
            except (EOFError, OSError):
                told = None
            if not isinstance(told, Told):  # it failed, which shows here again
                self.close()
                break
            self._awaited.discard(told.property)
            if told.plain is not None:
                self._told[told.property] = told.plain
        return self._told.pop(prop.name, None)

    def close(self) -> None:
        """End it."""
        worker, self._worker = self._worker, None
        if worker is not None:
            worker.kill()
            worker.ended()
