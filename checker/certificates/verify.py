"""Is a certificate one?  Its files are whole, they are what the system named has to show, a solver agrees.

None of this is the code that proved it: the questions are made anew, as text, from the system that is named,
and compared with those that were written; the lemmas are the certificate's, for any will do that pass.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from ...model.variants import fences
from ...specs.assumptions import assumption
from ...specs.constraints import CONSTRAINTS
from ...specs.ranks import provable
from ..interruption import deferred, noted
from . import manifest
from .manifest import CertificateError, Listed, Proof, Question
from .obligations import Task
from .ranked import task
from .solvers import Solver

#: progress(checks done, all of them, the file at hand)
ProgressFunction = Callable[[int, int, str], None]


@dataclass(frozen=True, slots=True)
class Failed:
    """A check that was not refuted: what the solver said of it."""

    file: str
    transition: str
    check: Question
    answer: str


@dataclass(frozen=True, slots=True)
class Checked:
    """What became of one proof, in ``seconds``.

    ``verdict``: verified, or refuted (some check is satisfiable: what was certified does not follow), or
    unknown (no answer, or the system named cannot be made again: ``note`` says why).
    """

    proof: Proof
    verdict: str
    unsat: int
    checks: int
    failed: tuple[Failed, ...]
    seconds: float
    note: str = ""


def verify(
    folder: Path, solver: Solver, progress: Callable[[str], ProgressFunction] | None = None
) -> list[Checked]:
    """Check every proof of a certificate.  Ctrl-C leaves what was checked so far, the rest is unknown.

    Raises:
        CertificateError: a file is missing or damaged, or is not what its manifest says it is.
    """
    read = manifest.read(folder)
    if not read.proofs:
        raise CertificateError(
            f"{folder / manifest.FILE}: holds no proof; prove --certify writes those that are proved"
        )
    # What is damaged is told before a solver is kept busy.
    texts = [manifest.files(folder, proof) for proof in read.proofs]
    doubts = [_doubt(folder, proof) for proof in read.proofs]
    found = []
    with deferred():
        for proof, files, doubt in zip(read.proofs, texts, doubts, strict=True):
            tell = progress(f"{proof.property} under {proof.fence}") if progress else lambda *_: None
            found.append(_checked(folder, proof, files, doubt, solver, tell))
    return found


def _checked(
    folder: Path, proof: Proof, files: Mapping[str, str], doubt: str, solver: Solver, tell: ProgressFunction
) -> Checked:
    began = time.monotonic()
    total = sum(len(listed.checks) for listed in proof.files)
    unsat = 0
    failed: list[Failed] = []
    for listed in proof.files:
        if noted():
            doubt = f"interrupted after {unsat + len(failed)} of {total} checks"
            break
        file = folder / proof.folder / listed.file
        answers = solver.answers(file, files[listed.file], len(listed.checks)) if listed.checks else []
        unsat += answers.count("unsat")
        failed += [
            Failed(str(file), listed.transition, check, answer)
            for check, answer in zip(listed.checks, answers, strict=True)
            if answer != "unsat"
        ]
        tell(unsat + len(failed), total, listed.file)
    if any(each.answer == "sat" for each in failed):
        verdict = "refuted"
    else:
        verdict = "unknown" if failed or doubt else "verified"
    return Checked(proof, verdict, unsat, total, tuple(failed), time.monotonic() - began, doubt)


def _doubt(folder: Path, proof: Proof) -> str:
    """Why the system named cannot be made again; empty: it can, and its obligations are just these.

    Raises:
        CertificateError: it can, and they are others.
    """
    try:
        asked = _task(proof)
        digest = asked.digest
    except (ValueError, KeyError, IndexError) as error:
        return f"not compared with the system named: {error.args[0]}"
    if digest != proof.digest:
        return "written for another system: by now the steps named, or what is taken for granted, are others"
    expected = {each.name: each for each in asked.texts(proof.lemmas)}
    for listed in proof.files:
        there = expected.pop(listed.file, None)
        if there is None or listed != Listed(
            there.name, there.transition, manifest.sha256(there.text), there.checks
        ):
            raise CertificateError(
                f"{folder / proof.folder / listed.file}: not what {proof.property} under {proof.fence} "
                "has to show; write the certificate again: prove --certify"
            )
    if expected:
        raise CertificateError(
            f"{folder / manifest.FILE}: lists nothing that shows {', '.join(expected)} of {proof.property} "
            f"under {proof.fence}; write the certificate again: prove --certify"
        )
    return ""


def _task(proof: Proof) -> Task:
    """What has to be shown, made anew.

    Raises:
        ValueError, KeyError: something of it is not known here.
    """
    known = {each.formula: each for each in CONSTRAINTS}
    unknown = [each for each in proof.constraints if each not in known]
    if unknown:
        raise ValueError(f"unknown constraint {unknown[0]!r}")
    return task(
        fences.whole(fences.of_build(proof.build, proof.fence)),
        provable(proof.property),
        None if proof.nodes == "any" else proof.nodes,
        [assumption(each) for each in proof.assumptions],
        [known[each] for each in proof.constraints],
        proof.dropped,
    )
