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

#: obligations of one system from which on a second process is worth its start
WORTH = 1_500
#: seconds between two looks whether Ctrl-C has come
_BEAT = 0.2


@dataclass(frozen=True, slots=True)
class Proving:
    """What is to be proved of a system; ``spelled``: its steps and lemmas, as `Induction.spelled` has them;
    ``files``: somebody's own builds, fences and properties."""

    fence: str
    properties: tuple[str, ...]
    assumptions: tuple[str, ...]
    nodes: int | None
    dropped: tuple[tuple[str, str], ...]
    spelled: str
    files: Files

    def work(self, watcher: Watcher) -> None:
        """Prove one after the other, and tell each as soon as it is decided."""
        take(self.files)
        before: Before = {}
        assumed = [assumption(name) for name in self.assumptions]
        fence = fences.whole(self.fence)
        for name in self.properties:
            prop, proof = properties.named(name), None
            made = Induction(fence, prop, assumed, self.nodes, self.dropped, before=before)
            if made.spelled() == self.spelled:  # else this process knows another system by that name
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
        """Give away those of these properties that follow from the lemmas of which most is to be shown."""
        same: dict[tuple[int, ...], list[Induction]] = {}
        for each in sure:
            if is_known_elsewhere(each.prop):
                same.setdefault(each.alike, []).append(each)
        whole = sum(len(first) for first, *_ in same.values())
        if len(same) < 2 or whole < WORTH or cores() < 2 or fences.is_here(fence):
            return
        given = max(same.values(), key=lambda each: len(each[0]))
        names = tuple(each.prop.name for each in given)
        assumed = tuple(each.name for each in given[0].assumptions)
        files = fences.files("build"), fences.files("fence"), own.files()
        self._awaited = set(names)
        self._worker = Worker(Proving(fence, names, assumed, nodes, dropped, given[0].spelled(), files), 1)

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
