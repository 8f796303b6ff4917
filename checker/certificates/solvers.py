"""Solvers that answer questions in SMT-LIB: cvc5 as a library, or any program, which gets a file."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from .manifest import CertificateError

#: the solver where none is named
DEFAULT = "cvc5"
#: milliseconds after which a solver is to give up on one question
_PATIENCE = 10_000
#: what programs need to be told: to take several questions in one file, and when to give up on one
_OPTIONS = {"z3": (f"-t:{_PATIENCE}",), "cvc5": ("--incremental", f"--tlimit-per={_PATIENCE}")}
_ANSWERS = ("unsat", "sat", "unknown", "timeout")


@dataclass(frozen=True, slots=True)
class Solver:
    """``ask`` gives what a solver prints for a file, of which it is given the place and the text."""

    name: str
    version: str
    ask: Callable[[Path, str], str]

    def answers(self, file: Path, text: str, many: int) -> list[str]:
        """To so many questions: ``unsat``, ``sat``, or why there is no answer."""
        lines = [line.strip() for line in self.ask(file, text).splitlines()]
        told = [words[0] for line in lines if (words := line.split()) and words[0] in _ANSWERS]
        if len(told) == many and not any(line.startswith("(error") for line in lines):
            return ["unknown" if each == "timeout" else each for each in told]
        # Whoever does not understand a file has answered nothing in it.
        said = next((line for line in lines if line and line not in _ANSWERS), f"{len(told)} answers")
        return [f"unknown ({said})"] * many


def solver(name: str) -> Solver:
    """The solver of that name, or at that path.

    Raises:
        CertificateError: it is not installed.
    """
    if name == DEFAULT and find_spec("cvc5") is not None:
        return _library()
    path = shutil.which(name)
    if path is None:
        hint = (
            "pip install '.[certificates]' in a clone of tsofence, or another"
            if name == DEFAULT
            else "another"
        )
        raise CertificateError(f"{name}: no such solver is installed; {hint}: --solver z3")
    kind = Path(path).name
    told = _output([path, "--version"], 60).strip().splitlines()
    command = [path, *_OPTIONS.get(kind, ())]
    return Solver(
        kind,
        told[0] if told else "",
        lambda file, text: _output([*command, str(file)], text.count("(check-sat)") * _PATIENCE / 1000 + 60),
    )


def _output(command: list[str], seconds: float) -> str:
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, errors="replace", timeout=seconds, check=False
        )
    except subprocess.TimeoutExpired:
        return "no answer in time"
    except OSError as error:
        return f"cannot be run: {error.strerror}"
    return done.stdout or done.stderr


def _library() -> Solver:
    import cvc5

    def ask(_: Path, text: str) -> str:
        told = _asked(text)
        if any(line.startswith("unknown") for line in told):
            # It gives up on a claim that fails, unless it looks for a model with few servers.
            again = _asked(text, finite=True)
            if len(again) == len(told):
                told = [second if second == "sat" else told[at] for at, second in enumerate(again)]
        return "\n".join(told)

    return Solver(DEFAULT, cvc5.__version__, ask)


def _asked(text: str, *, finite: bool = False) -> list[str]:
    import cvc5

    of = cvc5.Solver(cvc5.TermManager())
    of.setOption("incremental", "true")
    of.setOption("tlimit-per", str(_PATIENCE))
    if finite:
        of.setOption("finite-model-find", "true")
    parser = cvc5.InputParser(of)
    parser.setStringInput(cvc5.InputLanguage.SMT_LIB_2_6, text, "certificate")
    told = []
    try:
        while not (command := parser.nextCommand()).isNull():
            told += command.invoke(of, parser.getSymbolManager()).splitlines()
    except RuntimeError as error:
        told.append(f"(error {error})")
    return [line for line in told if line.strip()]
