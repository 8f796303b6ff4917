"""The first screen of every command, as it was looked at: at 80 columns, and at 120.

`TSOFENCE_SCREENS=write pytest tests/test_screens.py` writes what comes out now to `tests/screens`; look at it
before it is kept.
"""

from __future__ import annotations

import io
import os
import re
import shlex
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from tsofence import cli
from tsofence.checker.processes import matrix
from tsofence.checker.proof import prove
from tsofence.checker.search.findings import Exploration, Finding
from tsofence.model.variants import fences
from tsofence.specs import properties
from tsofence.traces.explain import replay
from tsofence.traces.runs import files
from tsofence.traces.tell import proved as proving
from tsofence.traces.tell.examples import EXAMPLES

TESTS = Path(__file__).parent
SCREENS = TESTS / "screens"
RECORDING = "tests/recordings/pr-slow-load-small"
#: lines of a screen
SCREEN = 48
OFF = files.load(TESTS / "runs" / "rolling-upgrade.off.unique.json")
REAL_TIME = files.load(TESTS / "runs" / "rolling-upgrade.check-tso-primary.real-time.json")

COMMANDS: dict[str, list[str]] = {
    "explore": ["explore"],
    "explore-details": ["explore", "--details"],
    "prove": ["prove", "--fence", "off"],
    "replay": ["replay", RECORDING],
    "replay-details": ["replay", RECORDING, "--details"],
    "replay-run": ["replay", "tests/runs/rolling-upgrade.off.unique.json"],
    "show": ["show", "tests/runs/rolling-upgrade.off.unique.json"],
    "list": ["list", "scenarios"],
    "help": ["--help"],
    **{f"{name}-help": [name, "--help"] for name in EXAMPLES if name != "tsofence"},
}


def found(fence: str, run: Any, *violated: tuple[str, int]) -> Exploration:
    verdicts = dict.fromkeys(properties.NAMES, "holds") | {"two-of-a-kind": "vacuous"}
    steps = dict(violated)
    findings = tuple(
        Finding(
            name,
            "violated" if name in steps else verdicts[name],
            steps.get(name),
            replace(run, breaks=name) if name in steps and name == run.breaks else None,
            note="no step met its premise" if verdicts[name] == "vacuous" else "",
        )
        for name in properties.NAMES
    )
    fired = ("keepalive_resumes@pd", "keepalive_resumes@tso", "lease_runs_out@pd", "lease_runs_out@tso")
    never = (*fired, "raft_elects@pd", "restart@pd", "restart@tso", "sync_skip@pd", "sync_skip@tso")
    return Exploration(
        "rolling-upgrade",
        fence,
        363_111,
        1_809_422,
        58,
        4.0,
        (),
        never,
        ("a guard",),
        ("pd.term = 2",),
        findings,
    )


def explore_all(*_: object, done: Any, **__: object) -> None:
    done(found("off", OFF, ("unique", 17), ("real-time", 14), ("single-writer", 7), ("one-live", 13)))
    done(found("check-tso-primary", REAL_TIME, ("real-time", 15), ("one-live", 14)))


@cache
def proofs() -> list[prove.Proof]:
    """One that succeeds, and one that a run stands in the way of; how long they took is left out."""
    asked = [(fences.whole("off"), properties.named(name)) for name in ("window", "single-writer")]
    made = prove.prove_all(asked)
    return [
        replace(each, seconds=1.5, obligations=tuple(replace(one, seconds=0.25) for one in each.obligations))
        for each in made
    ]


_replay = replay.replay


@cache
def replayed() -> list[replay.Report]:
    return []


def replay_once(*args: Any, **options: Any) -> replay.Report:
    if not replayed():
        replayed().append(_replay(*args, **options))
    return replayed()[0]


def proved(*_: object, **__: object) -> Sequence[prove.Proof]:
    return proofs()


@pytest.fixture(autouse=True)
def canned(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    proofs()
    monkeypatch.chdir(TESTS.parent)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(matrix, "explore_all", explore_all)
    monkeypatch.setattr(prove, "prove_all", proved)
    monkeypatch.setattr(replay, "replay", replay_once)


@pytest.mark.parametrize("width", [80, 120])
@pytest.mark.parametrize("name", COMMANDS)
def test_first_screen(
    name: str, width: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    with pytest.raises(SystemExit) as ended:
        cli.main(COMMANDS[name], prog_name="tsofence")
    assert ended.value.code in (0, 1)
    out, err = capsys.readouterr()
    assert err == ""
    lines = [line.rstrip() for line in out.splitlines()]
    assert max(map(len, lines)) <= width
    screen = "\n".join(lines[:SCREEN]) + "\n"
    golden = SCREENS / f"{name}.{width}.txt"
    if os.environ.get("TSOFENCE_SCREENS") == "write":
        SCREENS.mkdir(exist_ok=True)
        golden.write_text(screen, encoding="utf-8")
    assert screen == golden.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", ["explore", "explore-details", "prove"])
def test_the_answer_is_in_the_first_lines(name: str) -> None:
    top = (SCREENS / f"{name}.80.txt").read_text(encoding="utf-8").splitlines()[:10]
    assert re.search(r"off: violated — single-writer in \d+ steps", "\n".join(top))


@pytest.mark.parametrize("command", EXAMPLES)
def test_examples_are_commands(command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every option and every name in them is one that there is."""
    for name in ("ca.pem", "client.pem", "client-key.pem"):
        (tmp_path / name).touch()
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.toml").write_bytes((TESTS.parent / "specs/scenarios/tso-restart.toml").read_bytes())
    (tmp_path / "proof").mkdir()
    assert len(EXAMPLES[command]) in (2, 3)
    for example in EXAMPLES[command]:
        joined = example.replace("\\\n", " ").replace("/var/log/pd/pd.log", "ca.pem")
        words = shlex.split(joined.partition(" > ")[0])
        if words[0] == "java":
            continue
        assert words[0] == "tsofence"
        sub = cli.main.commands[words[1]]
        sub.make_context(words[1], words[2:])


def test_a_step_from_where_nothing_leads_is_no_measure_of_a_violation() -> None:
    """A counterexample to induction is shorter than any run; what is violated is told, and shown, first."""
    _, violated = proofs()
    assert violated.counterexample is not None
    step = replace(violated.counterexample, moves=violated.counterexample.moves[-1:], reachable=False)
    unknown = replace(violated, property="real-time", verdict="unknown", counterexample=step)
    told = io.StringIO()
    Console(file=told, width=200).print(proving.proved([unknown, violated], {}, details=False))
    first, *rest = told.getvalue().splitlines()
    steps = len(violated.counterexample.moves)
    assert first == f"off: violated — single-writer in {steps} steps; unknown — real-time."
    assert "single-writer under off" in "\n".join(rest)
