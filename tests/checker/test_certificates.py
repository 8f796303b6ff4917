"""A certificate shows what it says, to solvers that know nothing of the prover; and no other one passes."""

from __future__ import annotations

import json
import random
import re
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path

import msgspec
import pytest

from tsofence import __version__
from tsofence.checker.certificates import manifest
from tsofence.checker.certificates import verify as verifying
from tsofence.checker.certificates.manifest import CertificateError, Claim, Listed, Manifest, Proof
from tsofence.checker.certificates.obligations import FIRST_STATE, Task
from tsofence.checker.certificates.smtlib import is_claim, said_before
from tsofence.checker.certificates.solvers import Solver, solver
from tsofence.checker.certificates.verify import Checked, verify
from tsofence.checker.certificates.write import certificate
from tsofence.checker.proof.induct import PROPERTY, Induction
from tsofence.checker.proof.prove import prove
from tsofence.model.language.expr import BOOL, FALSE, TRUE, Expr
from tsofence.model.variants import fences
from tsofence.specs import lemmas
from tsofence.specs.assumptions import assumption
from tsofence.specs.properties import named

TSOFENCE = Path(sys.executable).with_name("tsofence")
Z3 = str(Path(sys.executable).with_name("z3"))
STAYS = ("first-primary-stays", "service-mode-only", "no-client-syncs", "no-stale-deletes")
PD_ONLY = ("no-tso-servers", "no-stale-deletes")
#: what is proved by lemmas of every group
CELLS = [
    ("save-cas", "unique", ()),
    ("save-cas+window-lease+wait-out", "real-time", ()),
    ("check-tso-primary", "session", (*STAYS, "clients-know-the-mode")),
    ("hook", "single-writer", ("service-mode-only",)),
    ("off", "one-live", PD_ONLY),
    ("off", "two-of-a-kind", ("no-stale-deletes",)),
    ("release-8.5+save-cas", "unique", ()),
]
SOLVERS = ["cvc5", Z3]
Dropped = Sequence[tuple[str, str]]


@cache
def of_name(name: str) -> Solver:
    return solver(name)


def task(fence: str, name: str, assume: Sequence[str] = (), dropped: Dropped = ()) -> Task:
    whole = fences.whole(fence)
    assumed = tuple(assumption(each) for each in assume)
    return Task(whole, named(name), None, assumed, lemmas.where(whole, name), tuple(dropped))


def claims(asked: Task) -> tuple[Claim, ...]:
    found = lemmas.lemmas(asked.fence, asked.prop.name, [each.name for each in asked.assumptions])
    return tuple(asked.claim(each.name, each.meaning, each.claim) for each in found)


def write(folder: Path, *proofs: Proof) -> None:
    text = manifest.as_text(Manifest(manifest.FORMAT, __version__, proofs))
    (folder / manifest.FILE).write_text(text, encoding="utf-8")


def made(folder: Path, name: str = "key-monotone", dropped: Dropped = (), **changed: object) -> Proof:
    """A certificate that off keeps a property, by its lemmas; ``changed``: what is given otherwise."""
    off = fences.whole("off")
    given: dict[str, object] = {
        "lemmas": lemmas.lemmas(off, name),
        "constraints": lemmas.where(off, name),
        "assume": (),
        "nodes": None,
        "solver": ("z3", "0"),
        **changed,
    }
    proof, texts = certificate("off", named(name), dropped=dropped, **given)  # type: ignore[arg-type]  # as in it
    (folder / proof.folder).mkdir()
    for file, text in texts.items():
        (folder / proof.folder / file).write_text(text, encoding="utf-8")
    write(folder, proof)
    return proof


def checked(folder: Path, by: str = "cvc5") -> Checked:
    (found,) = verify(folder, of_name(by))
    return found


@pytest.mark.parametrize(
    ("by", "name", "nodes"),
    [("cvc5", "window", None), (Z3, "key-monotone", None), ("cvc5", "key-monotone", 2)],
)
def test_both_solvers_agree(tmp_path: Path, by: str, name: str, nodes: int | None) -> None:
    proof = made(tmp_path, name, nodes=nodes)
    found = checked(tmp_path, by)
    assert (found.verdict, found.failed, found.note) == ("verified", (), "")
    assert found.unsat == found.checks == sum(len(listed.checks) for listed in proof.files)


def test_every_obligation_is_in_it(tmp_path: Path) -> None:
    proof = made(tmp_path, "window")
    there = {
        (listed.transition, check.lemma or PROPERTY) for listed in proof.files for check in listed.checks
    }
    decided = Induction(fences.whole("off"), named("window"))
    steps = [FIRST_STATE, *(each.name for each in decided.transitions)]
    expected = {(step, lemma.name) for step in steps for lemma in decided.lemmas} | {("grant", PROPERTY)}
    assert there == expected
    assert sum(len(listed.checks) for listed in proof.files) == len(decided)
    for listed in proof.files:
        text = (tmp_path / proof.folder / listed.file).read_text(encoding="utf-8")
        assert text.count("(check-sat)") == len(listed.checks)
        for check in listed.checks:
            assert f"; {check.shows}: " in text
    grant = next(listed for listed in proof.files if listed.transition == "grant")
    text = (tmp_path / proof.folder / grant.file).read_text(encoding="utf-8")
    for line in (
        "; window under off, any number of servers: a grant is below the saved window",
        "; guard: memory is set",
        "; lemma window saved: the end of a server's window is at most what the timestamp key holds",
        "; taken for granted, 0 < unit: physical time has a least step",
        "; implication: grant does not break window",
        "; consecution: grant keeps 'window saved'",
    ):
        assert line in text.splitlines()


@pytest.mark.parametrize("by", SOLVERS)
def test_without_a_guard_that_is_needed_it_fails(tmp_path: Path, by: str) -> None:
    made(tmp_path, dropped=[("commit", "timestamp key is as read")])
    found = checked(tmp_path, by)
    assert (found.verdict, found.unsat) == ("refuted", found.checks - 1)
    (failed,) = found.failed
    assert (failed.transition, failed.check.shows, failed.answer) == ("commit", "implication", "sat")


def test_with_a_weaker_lemma_it_fails(tmp_path: Path) -> None:
    known = lemmas.lemmas(fences.whole("off"), "key-monotone")
    made(tmp_path, lemmas=[replace(each, claim=TRUE) for each in known])
    found = checked(tmp_path)
    assert found.verdict == "refuted"
    assert {each.check.shows for each in found.failed} == {"implication"}


def test_without_an_assumption_or_a_constraint_it_fails(tmp_path: Path) -> None:
    made(tmp_path, "window", constraints=())
    assert checked(tmp_path).verdict == "refuted"


def altered(text: str) -> str:
    """The same without its first guard."""
    return re.sub(r"(; guard: .*\n)\(assert .*\)\n", r"\1", text, count=1)


def rewritten(folder: Path, proof: Proof, file: str, text: str) -> None:
    """A file that was changed, and a manifest that lists it so."""
    (folder / proof.folder / file).write_text(text, encoding="utf-8")
    listed = tuple(
        msgspec.structs.replace(each, sha256=manifest.sha256(text)) if each.file == file else each
        for each in proof.files
    )
    write(folder, msgspec.structs.replace(proof, files=listed))


def _missing(folder: Path, proof: Proof, step: Listed) -> None:
    (folder / proof.folder / step.file).unlink()


def _changed(folder: Path, proof: Proof, step: Listed) -> None:
    file = folder / proof.folder / step.file
    file.write_text(altered(file.read_text(encoding="utf-8")), encoding="utf-8")


def _forged(folder: Path, proof: Proof, step: Listed) -> None:
    text = (folder / proof.folder / step.file).read_text(encoding="utf-8")
    assert altered(text) != text
    rewritten(folder, proof, step.file, altered(text))


def _left_out(folder: Path, proof: Proof, step: Listed) -> None:
    write(folder, msgspec.structs.replace(proof, files=tuple(f for f in proof.files if f != step)))


def _no_checks(folder: Path, proof: Proof, step: Listed) -> None:
    less = tuple(msgspec.structs.replace(f, checks=()) if f == step else f for f in proof.files)
    write(folder, msgspec.structs.replace(proof, files=less))


def _no_manifest(folder: Path, proof: Proof, step: Listed) -> None:
    (folder / manifest.FILE).unlink()


def _cut(folder: Path, proof: Proof, step: Listed) -> None:
    text = (folder / manifest.FILE).read_text(encoding="utf-8")
    (folder / manifest.FILE).write_text(text[: len(text) // 2], encoding="utf-8")


def _leads_out(folder: Path, proof: Proof, step: Listed) -> None:
    write(folder, msgspec.structs.replace(proof, folder="../elsewhere"))


def _knows_the_step(folder: Path, proof: Proof, step: Listed) -> None:
    lemma = msgspec.structs.replace(proof.lemmas[0], text="(= acting-server nobody)")
    write(folder, msgspec.structs.replace(proof, lemmas=(lemma,)))


def _empty(folder: Path, proof: Proof, step: Listed) -> None:
    write(folder)


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (_missing, "commit.smt2: missing"),
        (_changed, "commit.smt2: expected it as prove --certify wrote it, but its SHA-256"),
        (_forged, "commit.smt2: not what key-monotone under off has to show"),
        (_left_out, "lists nothing that shows .*commit.smt2 of key-monotone under off"),
        (_no_checks, "commit.smt2: not what key-monotone under off has to show"),
        (_no_manifest, "manifest.json: missing"),
        (_cut, "manifest.json: expected it as prove --certify wrote it, but Input data was truncated"),
        (_leads_out, "'../elsewhere' is no name"),
        (_knows_the_step, "lemma 'save grows' is no single claim about a state"),
        (_empty, "holds no proof"),
    ],
)
def test_damage(tmp_path: Path, damage: Callable[[Path, Proof, Listed], None], says: str) -> None:
    """Told before a solver is asked anything."""
    proof = made(tmp_path)
    damage(tmp_path, proof, next(each for each in proof.files if each.transition == "commit"))
    with pytest.raises(CertificateError, match=says) as error:
        verify(tmp_path, Solver("none", "", lambda file, text: pytest.fail("asked")))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"fence": "commit-only"}, "not compared with the system named: unknown fence 'commit-only'"),
        ({"property": "mine"}, "not compared with the system named: unknown property 'mine'"),
        ({"constraints": ("1 < 0",)}, "not compared with the system named: unknown constraint '1 < 0'"),
        ({"dropped": (("commit", "luck"),)}, "commit has no guard 'luck'"),
        ({"digest": "0"}, "written for another system"),
        ({"fence": "save-cas"}, "written for another system"),
        ({"assumptions": ("service-mode-only",)}, "written for another system"),
    ],
)
def test_a_system_that_is_not_the_one_named(tmp_path: Path, changed: dict[str, object], says: str) -> None:
    """Then all that is shown is that some text cannot be satisfied."""
    proof = made(tmp_path)
    write(tmp_path, msgspec.structs.replace(proof, **changed))
    (found,) = verify(tmp_path, Solver("yes", "", lambda file, text: "unsat\n" * text.count("(check-sat)")))
    assert (found.verdict, found.unsat) == ("unknown", found.checks)
    assert says in found.note


def test_ctrl_c_leaves_what_was_checked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made(tmp_path)
    monkeypatch.setattr(verifying, "noted", lambda: True)
    found = checked(tmp_path)
    assert (found.verdict, found.unsat) == ("unknown", 0)
    assert found.note == f"interrupted after 0 of {found.checks} checks"


@pytest.mark.parametrize(
    ("printed", "answer"),
    [
        ("unsat\n" * 3, None),
        ("unsat\nsat\nunsat\n", "sat"),
        ("unsat\nunknown (INCOMPLETE)\nunsat\n", "unknown"),
        ("unsat\ntimeout\nunsat\n", "unknown"),
        ("unsat\nunsat\n", "unknown (2 answers)"),
        ('(error "no such constant")\nunsat\nunsat\nunsat\n', 'unknown ((error "no such constant"))'),
        ("", "unknown (0 answers)"),
        ("Segmentation fault\n", "unknown (Segmentation fault)"),
    ],
)
def test_what_a_solver_prints(printed: str, answer: str | None) -> None:
    """Only as many `unsat` as there are questions, and no complaint, count."""
    told = Solver("it", "", lambda file, text: printed).answers(Path(), "", 3)
    assert len(told) == 3
    assert {each for each in told if each != "unsat"} == ({answer} if answer else set())


def test_a_text_that_no_solver_understands() -> None:
    for by in SOLVERS:
        text = "(set-logic ALL)\n(assert (foo))\n(check-sat)\n"
        file = Path("nowhere.smt2")
        (answer,) = of_name(by).answers(file, text, 1)
        assert answer.startswith("unknown ("), by


@pytest.mark.parametrize(
    ("text", "fine"),
    [
        ("(state.noted s)", True),
        ("(forall ((?a Node)) (=> (distinct ?a nobody) (state.initialised s ?a)))", True),
        ("true", True),
        ("true) (assert false", False),
        ("true (assert false)", False),
        ("(state.noted s", False),
        (")(", False),
        ("(= before.leader nobody)", False),
        ("(= |before.leader| nobody)", False),
        ("(state.noted after)", False),
        ("(< 0 input.count)", False),
        ("(= acting-server nobody)", False),
        ("true ; (", False),
        ('"', False),
        ("", False),
    ],
)
def test_a_lemma_is_one_claim_about_a_state(text: str, fine: bool) -> None:
    assert is_claim(text) is fine


def test_what_is_said_of_nothing_is_a_term() -> None:
    """`and` and `or` take two."""
    words = said_before((), ())
    assert [words.of(Expr(op, BOOL, ())) for op in ("and", "or")] == ["true", "false"]
    assert [words.of(Expr(op, BOOL, (FALSE,))) for op in ("and", "or")] == ["false", "false"]
    assert words.of(Expr("and", BOOL, (TRUE, FALSE))) == "(and true false)"


def call(*args: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([TSOFENCE, *map(str, args)], capture_output=True, text=True, check=False)


def test_commands(tmp_path: Path) -> None:
    proof = tmp_path / "proof"
    asked = ("prove", "--fence", "off", "--property", "key-monotone")
    done = call(*asked, "--certify", proof, "--json", "-", "--quiet")
    assert (done.returncode, done.stderr) == (0, "")
    (found,) = json.loads(done.stdout)["results"]
    assert set(found["solver"]) == {"name", "version"}
    assert found["certificate"] == str(proof / "off--key-monotone")
    assert [each["name"] for each in found["lemmas"]] == ["save grows"]

    done = call("verify", proof, "--json", "-", "--quiet")
    assert (done.returncode, done.stderr) == (0, "")
    told = json.loads(done.stdout)
    assert told["solver"]["name"] == "cvc5"
    (verified,) = told["results"]
    assert (verified["verdict"], verified["property"]) == ("verified", "key-monotone")
    assert verified["unsat"] == verified["checks"] == len(found["obligations"])

    next(proof.glob("*/*commit.smt2")).unlink()
    damaged = call("verify", proof, "--solver", Z3)
    assert (damaged.returncode, len(damaged.stderr.splitlines())) == (2, 1)


def test_a_solver_that_is_not_there() -> None:
    with pytest.raises(CertificateError, match="no-such-solver: no such solver is installed"):
        solver("no-such-solver")


@pytest.mark.large
@pytest.mark.parametrize(("fence", "name", "assume"), CELLS)
def test_shipped_proofs_are_verified(fence: str, name: str, assume: tuple[str, ...]) -> None:
    asked = task(fence, name, assume)
    for each in asked.texts(claims(asked)):
        answers = of_name("cvc5").answers(Path(), each.text, len(each.checks))
        assert set(answers) <= {"unsat"}, each.name


@pytest.mark.large
@pytest.mark.parametrize(("fence", "name", "assume"), [CELLS[0], CELLS[3], CELLS[4]])
def test_guards_that_the_prover_needs_the_others_need(
    fence: str, name: str, assume: tuple[str, ...], tmp_path: Path
) -> None:
    needed = sorted(
        (each.transition, label, each.lemma)
        for each in prove(fences.whole(fence), named(name), assume=assume).obligations
        for label in each.guards_used
    )
    for transition, label, lemma in random.Random(name).sample(needed, min(8, len(needed))):
        asked = task(fence, name, assume, [(transition, label)])
        step = next(each for each in asked.texts(claims(asked)) if each.transition == transition)
        file = tmp_path / step.name
        file.write_text(step.text, encoding="utf-8")
        for by in SOLVERS:
            answers = of_name(by).answers(file, step.text, len(step.checks))
            failed = {
                check.lemma or PROPERTY
                for check, answer in zip(step.checks, answers, strict=True)
                if answer != "unsat"
            }
            assert lemma in failed, (by, transition, label)


@pytest.mark.large
@pytest.mark.parametrize(("fence", "name", "assume"), [CELLS[2], CELLS[4]])
def test_without_the_last_lemma_a_certificate_fails(
    fence: str, name: str, assume: tuple[str, ...], tmp_path: Path
) -> None:
    """It is the one that speaks of what the property forbids."""
    asked = task(fence, name, assume)
    *kept, last = claims(asked)
    for by in SOLVERS:
        told = set()
        for each in asked.texts((*kept, msgspec.structs.replace(last, text="true"))):
            file = tmp_path / each.name
            file.write_text(each.text, encoding="utf-8")
            told |= set(of_name(by).answers(file, each.text, len(each.checks)))
        assert "sat" in told, by
