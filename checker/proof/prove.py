"""Proofs for any number of servers, constants within constraints that are named, unbounded time.

A property is `proved` when every first state meets its lemmas, every transition keeps them, and
they and the guards exclude the step that breaks it; what that takes for granted of the constants
is part of the answer.  Where it fails, a real run is looked for; without one the verdict is
`unknown`, and the counterexample is one to induction only.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import replace
from itertools import groupby
from types import TracebackType

from ...model.language.smt import Unsaid
from ...model.language.variant import Variant
from ...specs.assumptions import Assumption, assumption
from ...specs.lemmas import Lemma
from ...specs.liveness import Liveness
from ...specs.properties import Property
from ..interruption import deferred, noted
from .attempt import Attempt, ProgressFunction, Proof
from .beside import Beside
from .induct import Before, Induction
from .runs import Runs


def prove(
    fence: Variant,
    prop: Property | Liveness,
    *,
    assume: Sequence[str] = (),
    nodes: int | None = None,
    dropped: Sequence[tuple[str, str]] = (),
    lemmas: Sequence[Lemma] | None = None,
    progress: ProgressFunction | None = None,
) -> Proof:
    """Prove the property, or show what is in the way.  Ctrl-C leaves what was found so far.

    ``assume`` names assumptions of `specs.lemmas`; ``dropped`` lists guards (transition, label) to
    leave out; ``lemmas``: those from which it is to follow, without any that are known or can be found; of
    no concern to liveness, which follows from a rank.

    Raises:
        ValueError: an unknown assumption, or less than one server.
        KeyError: a guard to drop that does not exist.
    """
    with _Proofs(fence, assume, nodes, dropped, lemmas) as proofs:
        return proofs.proof(prop, progress)


def _lasting(
    fence: Variant,
    prop: Liveness,
    assumptions: Sequence[Assumption],
    nodes: int | None,
    dropped: tuple[tuple[str, str], ...],
    progress: ProgressFunction | None,
) -> Proof:
    from .lasting import prove_lasting  # it comes with the graph of states, which takes long to import

    began = time.monotonic()
    found = prove_lasting(fence, prop, assumptions, nodes, dropped, progress)
    return Proof(
        fence.name,
        prop.name,
        found.verdict,
        nodes,
        tuple(assumed.name for assumed in assumptions),
        found.obligations,
        time.monotonic() - began,
        found.counterexample,
        found.constraints,
        note=found.note,
        lemmas=found.lemmas,
        dropped=dropped,
        rests_on=found.rests_on,
    )


def prove_all(
    asked: Iterable[tuple[Variant, Property | Liveness]],
    *,
    assume: Sequence[str] = (),
    nodes: int | None = None,
    dropped: Sequence[tuple[str, str]] = (),
    lemmas: Sequence[Lemma] | None = None,
    progress: Callable[[str], ProgressFunction] | None = None,
    apart: AbstractContextManager[None] | None = None,
) -> list[Proof]:
    """Prove one after the other; Ctrl-C ends all of them, and what it left undone is `unknown`.

    Those of one system (the same object) that follow each other share what is decided of lemmas, and one
    search for runs.

    ``progress`` is told what is proved next, and gives what is to be told of that.  ``apart`` is entered for
    each proof: an error that it holds back costs that proof alone.

    Raises:
        ValueError: as `prove`.
    """
    found: list[Proof] = []
    with deferred():
        # of one system what was decided counts again: of one and the same, not of one that is called so
        for _, cells in groupby(asked, key=lambda cell: id(cell[0])):
            (fence, first), *others = cells
            wanted = [first, *(prop for _, prop in others)]
            with _Proofs(fence, assume, nodes, dropped, lemmas) as proofs:
                proofs.begin(wanted)
                made: dict[int, Proof] = {}
                for prop in proofs.in_turn(wanted):
                    if noted():
                        made[id(prop)] = proofs.not_begun(prop)
                        continue
                    tell = None if progress is None else progress(f"{prop.name} under {fence.name}")
                    with apart or nullcontext():
                        made[id(prop)] = proofs.proof(prop, tell)
                found += [made[id(prop)] for prop in wanted if id(prop) in made]
    return found


class _Proofs:
    """Proofs of one system's properties, beside one search for runs that break any of those in doubt."""

    def __init__(
        self,
        fence: Variant,
        assume: Sequence[str],
        nodes: int | None,
        dropped: Sequence[tuple[str, str]],
        given: Sequence[Lemma] | None,
    ) -> None:
        if nodes is not None and nodes < 1:
            raise ValueError(f"a system has at least one server, not {nodes}")
        self._fence, self._nodes, self._dropped, self._given = fence, nodes, tuple(dropped), given
        self._assumptions = [assumption(name) for name in assume]
        self._runs = Runs(fence.name, self._assumptions, nodes, self._dropped)
        self._before: Before = {}
        self._beside = Beside()

    def begin(self, wanted: Sequence[Property | Liveness]) -> None:
        """Look for runs, for whatever the lemmas leave in doubt."""
        of_safety = [prop for prop in wanted if not isinstance(prop, Liveness)]
        with suppress(KeyboardInterrupt):  # it is noted, so that whoever comes next heeds it
            in_doubt = [prop for prop in of_safety if self._is_in_doubt(prop)]
            self._runs.seek(in_doubt)
            if self._given is None:
                sure = [self._made(prop) for prop in of_safety if prop not in in_doubt]
                self._beside.begin(self._fence.name, sure, self._nodes, self._dropped)

    def in_turn(self, wanted: Sequence[Property | Liveness]) -> list[Property | Liveness]:
        """What another process proves comes last: it is not waited for while there is something to do."""
        return sorted(wanted, key=lambda prop: self._beside.awaits(prop.name))

    def __enter__(self) -> _Proofs:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._runs.close()
        self._beside.close()

    def _made(self, prop: Property) -> Induction:
        return Induction(
            *(self._fence, prop, self._assumptions, self._nodes, self._dropped, self._given, self._before)
        )

    def _is_in_doubt(self, prop: Property) -> bool:
        with suppress(Exception):  # its proof meets the same fault, and tells it
            try:
                return self._made(prop).is_in_doubt()
            except Unsaid:
                return True
        return False

    def proof(self, prop: Property | Liveness, progress: ProgressFunction | None) -> Proof:
        """One of them; Ctrl-C leaves what was found so far."""
        if isinstance(prop, Liveness):
            return _lasting(self._fence, prop, self._assumptions, self._nodes, self._dropped, progress)
        attempt = Attempt(
            self._fence,
            prop,
            self._assumptions,
            self._nodes,
            self._dropped,
            self._runs,
            self._before,
            self._given,
        )
        try:
            told = self._beside.proof(prop)
            if told is not None:
                return replace(told.whole(attempt.induction), seconds=time.monotonic() - attempt.began)
            return attempt.result(progress)
        except KeyboardInterrupt:
            return attempt.interrupted()

    def not_begun(self, prop: Property | Liveness) -> Proof:
        """What Ctrl-C leaves of one that was to come."""
        return Proof(
            self._fence.name,
            prop.name,
            "unknown",
            self._nodes,
            tuple(each.name for each in self._assumptions),
            (),
            0.0,
            note="interrupted before it began",
        )
