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

import click
import pytest
from rich.console import Console, Group
from rich.text import Text

from tsofence import cli
from tsofence.checker.processes import matrix
from tsofence.checker.proof import prove
from tsofence.checker.proof.attempt import Proof
from tsofence.checker.search.explore import ALL_VIOLATED
from tsofence.checker.search.findings import Exploration, Finding
from tsofence.model.variants import fences
from tsofence.specs import properties, scenario
from tsofence.traces.explain import replay
from tsofence.traces.explain.conformance import CONTRADICTS, FenceVerdict, Refused
from tsofence.traces.explain.telling import most_telling
from tsofence.traces.runs import files
from tsofence.traces.sources.observation import Where
from tsofence.traces.story.stopped import why_it_stops
from tsofence.traces.tell import explored as exploring
from tsofence.traces.tell import progress
from tsofence.traces.tell import proved as proving
from tsofence.traces.tell import replayed as telling
from tsofence.traces.tell.examples import EXAMPLES
from tsofence.traces.tell.names import Names
from tsofence.traces.tell.shown import Next, next_steps
from tsofence.traces.tell.summary import Outcome, sentence
from tsofence.traces.tell.tables import FewLines

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
def proofs() -> list[Proof]:
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


def proved(*_: object, **__: object) -> Sequence[Proof]:
    return proofs()


@pytest.fixture(autouse=True)
def canned(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    proofs()
    monkeypatch.chdir(TESTS.parent)
    # a replay that takes ten seconds, on a machine that is busy, would say how far it is
    monkeypatch.setattr(progress.Steps, "line", lambda _: "")
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
        sub = cli.main.get_command(click.Context(cli.main), words[1])
        assert sub is not None
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


@pytest.mark.parametrize("width", [30, 80, 120])
def test_a_command_is_never_broken_by_wrapping(width: int) -> None:
    """What is printed is what a shell takes, whatever the width."""
    folder = "recorded in a folder/2026-11-27"
    command = ["replay", folder, "--build", "release-8.5", "--to", "html", "-o", "incident.html"]
    told = io.StringIO()
    Console(file=told, width=width).print(Group(*next_steps([Next(command, "who, when, why")])))
    lines = told.getvalue().split("Next:\n")[1]
    assert max(map(len, lines.splitlines())) <= width
    assert shlex.split(lines.replace("\\\n", ""), comments=True) == ["tsofence", *command]


def test_only_a_search_that_can_go_on_is_to_be_kept() -> None:
    world = scenario.load("rolling-upgrade")
    for cut, keeps in ((ALL_VIOLATED, False), ("1,000 states: the bound", True)):
        ended = replace(found("off", OFF, ("unique", 17)), cut_by=(cut,))
        told = io.StringIO()
        Console(file=told, width=80).print(exploring.explored(world, [ended], {}, tell_runs=False))
        assert ("--checkpoint" in told.getvalue()) is keeps


def test_fences_that_are_refuted_alike_have_one_line() -> None:
    where = Where("etcd.jsonl", 11)
    refused = (Refused("find_no_primary", "pd1", "no TSO primary"), Refused("grant", "pd1", "serving"))
    one = FenceVerdict("check-tso-primary", False, where, 24, refused, 0, None, "", 0.0)
    other = replace(one, fence="save-cas")
    conforms = replace(one, fence="off", conforms=True)
    told = [line.plain for line in telling._of_fences([one, conforms, other], Names(["etcd.jsonl"]))]
    assert told[1:] == ["off: conforms."]
    assert told[0].startswith("check-tso-primary, save-cas: do not conform — etcd.jsonl:11, revision 24")
    assert told[0].endswith("It takes “finds no TSO primary” of pd1, which needs “no TSO primary”.")


def test_the_guard_that_a_fence_adds_says_why_it_is_refuted() -> None:
    added = Refused("find_no_primary", "pd1", "no TSO primary")
    log = Refused("commit_answer_lost", "pd1", "the server's log would tell of it")
    verdict = FenceVerdict("check-tso-primary", False, None, None, (log, added), 0, None, "", 0.0)
    assert most_telling(verdict) == added
    alone = replace(verdict, fence="off")
    assert most_telling(alone) == log
    step = "“etcd applies the save up to …, but the answer is lost” of pd1"
    assert why_it_stops(alone) == f"It takes {step}, but pd1's log would tell of it."
    denied = (replace(log, guard="etcd shows another"),)
    said = replace(alone, note=CONTRADICTS, refused_by=denied)
    assert why_it_stops(said) == f"It takes {step}, but etcd shows another."


@pytest.mark.parametrize("width", range(12, 30))
def test_what_is_left_out_ends_with_a_word(width: int) -> None:
    words = ["one", "two", "three", "four", "five", "six", "seven", "eight"]
    told = io.StringIO()
    Console(file=told, width=width).print(FewLines(Text(" ".join(words)), 1))
    *shown, dots = told.getvalue().split()
    assert dots == "…"
    assert shown == words[: len(shown)] != []


def test_long_lists_of_properties_are_counts() -> None:
    many = [Outcome(f"p{number}", "vacuous") for number in range(5)]
    many += [Outcome(f"q{number}", "unknown") for number in range(5)]
    assert sentence("off", many).plain == "off: unknown — 5 of 10; vacuous 5 of 10."
    assert sentence("off", many[:2]).plain == "off: vacuous p0, p1."
