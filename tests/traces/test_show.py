"""Runs as people see them.

The golden texts are what `COLUMNS=80 tsofence show RUN.json` prints, without blanks at the ends of lines.
"""

import random
import re
from dataclasses import replace
from html.parser import HTMLParser
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from tsofence.checker.run import Move, Run, RunError
from tsofence.checker.search.explore import explore
from tsofence.model.builds import known as builds
from tsofence.model.language.reconfigured import named
from tsofence.model.language.transition import Kind
from tsofence.model.variants import fences
from tsofence.specs import properties, scenario
from tsofence.traces.page import pages
from tsofence.traces.runs import files
from tsofence.traces.story import show
from tsofence.traces.story.telling import Change, tell
from tsofence.traces.story.words import WORDS

RUNS = Path(__file__).parents[1] / "runs"
GOLDEN = sorted(RUNS.glob("*.json"))
HOSTILE = '<script>alert(1)</script>; end #35; %% "x"\n`y` $title --> [red] &amp; \x1b[31m\u202e'
MS = 10**6


def printed(run: Run, width: int = 80, *, colours: bool = False) -> str:
    out = StringIO()
    console = Console(
        file=out,
        width=width,
        force_terminal=colours,
        highlight=False,
        color_system="standard" if colours else None,
    )
    console.print(show.text(run))
    return out.getvalue()


def example() -> Run:
    return files.load(RUNS / "tso-restart.check-tso-primary.unique.json")


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
def test_golden_runs_print_as_before(path: Path) -> None:
    lines = [line.rstrip() for line in printed(files.load(path)).splitlines()]
    assert lines == path.with_suffix(".txt").read_text(encoding="utf-8").splitlines()


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
def test_golden_runs_are_the_shortest_there_are(path: Path) -> None:
    world, fence, name = path.stem.split(".")
    (finding,) = explore(scenario.load(world), fence, [properties.named(name)]).findings
    assert finding.steps == len(files.load(path).moves)


def test_every_transition_has_its_words() -> None:
    starts = {*fences.STARTS, *map(named, fences.STARTS)}
    assert set(WORDS) == fences.shipped_rules().keys() | starts


def test_a_step_says_who_did_what_and_what_changed() -> None:
    story = tell(example())
    assert [lane.name for lane in story.lanes] == ["pd1", "tso1", "etcd"]
    step = story.steps[10]
    assert (step.number, step.time, step.lane) == (11, "t+1", 1)
    assert step.text == "etcd applies the save: window up to t+3"
    assert step.changes == (
        (),
        (
            Change("physical", "none", "t+0"),
            Change("window", "none", "t+3"),
            Change("save", "sync\nto t+3\nread", "no"),
        ),
        (Change("timestamp", "none", "t+3"),),
    )
    assert [step.number for step in story.steps if step.crucial] == [14, 20]


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ("no", "sync\nloaded t+1", ("no", "sync; loaded t+1")),
        ("sync\nloaded t+1", "sync\nto t+4\nbegun", ("loaded t+1", "to t+4; begun")),
        ("sync\nto t+4\nbegun", "sync\nto t+4\nread", ("begun", "read")),
        ("sync\nto t+4\nread", "no", ("sync", "no")),
        ("sync\nto t+4", "sync\nto t+4\nread", ("to t+4", "to t+4; read")),
        ("t+1", "t+2", ("t+1", "t+2")),
    ],
)
def test_parts_that_stay_are_not_told(before: str, after: str, told: tuple[str, str]) -> None:
    assert Change("save", before, after).told() == told


CONCLUSIONS = {
    "unique": "tso1 grants (t+2, 1) in step 17; pd1 had granted (t+2, 1) in step 14.",
    "real-time": "pd1 grants (t+0, 1) in step 14; tso1 had granted (t+5, 1) in step 13.",
    "session": "tso1 grants (t+0, 1) in step 18; pd1 had granted (t+4, 1) in step 16.",
    "single-writer": "The save of pd1, a PD, lands while tso1 is TSO primary.",
    "one-live": "pd1 grants (t+0, 1) while tso1 could grant as well.",
}


@pytest.mark.parametrize("name", CONCLUSIONS)
def test_the_conclusion_names_both_sides(name: str) -> None:
    world = scenario.load("dynamic-switch" if name == "session" else "rolling-upgrade")
    (finding,) = explore(world, "off", [properties.named(name)]).findings
    assert finding.run is not None
    breaks, why = tell(finding.run).conclusion
    assert breaks == f"Breaks {name}: {properties.named(name).meaning}."
    assert why == CONCLUSIONS[name]


def started(**state: int) -> dict[tuple[str, int], int]:
    """A PD that is leader, with its memory set, and what else is given."""
    one = {"role": 1, "lease": 1, "promoted": 1, "initialised": 1, "physical": 100, "saved": 103}
    shared = {"now": 100, "leader": 1, "timestamp": 103}
    own = {(name, 1): value for name, value in one.items()}
    return own | {(name, 0): value for name, value in (shared | state).items()}


GRANT = Move("grant", 1, {"count": 1, "note": 0, "pick": 1})


@pytest.mark.parametrize(
    ("name", "state", "moves", "why"),
    [
        ("window", {"timestamp": 90}, [GRANT], "pd1 grants (t+0, 1), but the saved window ends at t-10."),
        (
            "unique",
            {"noted": 1, "noted_physical": 100, "noted_logical": 1},
            [GRANT],
            "pd1 grants (t+0, 1) in step 1; somebody had granted (t+0, 1) before the run starts.",
        ),
        (
            "key-monotone",
            {},
            [
                Move("sync_load", 1),
                Move("sync_begin", 1),
                Move("find_own_key", 1),
                Move("load_window", 1),
                Move("commit", 1),
            ],
            "The save of pd1 puts t-15 in the timestamp key, which held t+3.",
        ),
    ],
)
def test_a_run_from_anywhere_is_concluded(
    name: str, state: dict[str, int], moves: list[Move], why: str
) -> None:
    constants = dict.fromkeys(files.CONSTANTS, 3) | {"guard": 1}
    first = started(**state)
    run = Run("", "off", (Kind.PD,), ("pd1",), constants, first, tuple(moves), name, reachable=False)
    if name == "key-monotone":
        first |= {("saved", 1): 80, ("skew", 1): -20, ("promoted", 1): 0}
        guards = (("load_window", "window grows"), ("commit", "timestamp key is as read"))
        run = replace(run, constants=constants | {"window": 5, "guard": -100}, dropped=guards)
    story = tell(run)
    assert story.conclusion[-1] == why
    assert any("a cluster may never get into it" in fact for fact in story.facts)
    assert all(f"without the guard {label!r} of {of}" in story.facts for of, label in run.dropped)
    assert story.steps[0].number == 0, "where it starts is told"


def test_a_run_that_breaks_nothing_is_not_said_to() -> None:
    run = replace(example(), breaks="window")
    assert tell(run).conclusion == ("This run is said to break window, but its last step does not.",)
    assert not tell(replace(run, breaks=None)).conclusion
    assert tell(replace(run, moves=())).steps == ()


def test_nanoseconds_are_told_in_milliseconds() -> None:
    run = example()
    run = replace(
        run,
        constants={name: value if name == "limit" else value * MS for name, value in run.constants.items()},
        first={("now", 0): 1_760_000_000 * 10**9, ("skew", 1): -1_500_000},
        moves=tuple(
            replace(move, inputs={**move.inputs, "by": MS * 5 // 2}) if "by" in move.inputs else move
            for move in run.moves[:10]
        ),
        breaks=None,
    )
    story = tell(run)
    assert "times in ms from 2025-10-09 08:53:20 UTC" in story.facts
    assert "window 3, guard 1, unit 1, lease 3, limit 2, margin 1, skew bound 0, max reset 3" in story.facts
    assert story.steps[0].changes[0] == (Change("clock", "right", "-1.5"),)
    assert story.steps[6].time == "t+2.5"
    assert story.steps[7].changes[0][0].after == "sync\nto t+4\nbegun"


def walk(seed: int, kinds: tuple[Kind, ...]) -> Run:
    """A run of random steps under a random fence or build; few are faults, or nothing else would happen."""
    rng = random.Random(seed)
    constants = {
        "window": 3,
        "update_interval": 1,
        "guard": 1,
        "unit": 1,
        "lease": 2,
        "limit": 6,
        "margin": 1,
    }
    constants |= {"skew_bound": 2, "max_reset": 4, "ahead": 6, "dynamic": 1, "registry": 1}
    names = tuple(f"server{n}" for n, _ in enumerate(kinds, 1))
    run = Run(
        "walk", rng.choice((*fences.ALL, *builds.SHIPPED)), kinds, names, constants, {("now", 0): 1000}, ()
    )
    machine = replace(run, reachable=False).machine()  # in which anything may happen
    state = machine.layout.initial(run.first, {})
    moves = []
    for _ in range(300):
        able = []
        for index, instance in enumerate(machine.instances):
            inputs = {each.name: rng.randrange(3) for each in instance.transition.rule.inputs}
            if not machine.refused(state, index, inputs):
                fault = instance.transition.rule.budget not in (None, "term", "client_sync")
                able.append((index, inputs, 1 if fault else 12))
        (chosen,) = rng.choices(able, [weight for _, _, weight in able])
        index, inputs, _ = chosen
        moves.append(Move(machine.instances[index].name, machine.instances[index].number, inputs))
        state = machine.apply(state, index, inputs)
    return replace(run, moves=tuple(moves))


@pytest.mark.large
def test_random_runs_can_be_told() -> None:
    told = set()
    for seed in range(96):
        run = walk(seed, (Kind.PD, Kind.TSO, Kind.PD, Kind.TSO)[: 2 + seed % 3])
        told |= {move.transition for move in run.moves}
        story = tell(run)
        assert [step.number for step in story.steps] == list(range(1, len(run.moves) + 1))
    assert len(told) > len(fences.shipped_rules()) - 13  # what only other builds do, and what is rare


def test_every_form_tells_every_step() -> None:
    run = walk(0, (Kind.PD, Kind.TSO))
    page = Page(pages.of_run(run)).text.replace(" ", "")
    diagram = re.sub(r"#(\d+);", lambda match: chr(int(match[1])), show.mermaid(run))
    text = re.sub(r"\s|│", "", printed(run, 200))
    for step in tell(run).steps:
        assert f"{step.number} · {step.time} · {'⚡ ' * step.fault}{step.text}" in diagram
        assert f"{step.number}{step.time}" in text
        assert step.text.replace(" ", "") in text
        assert step.text.replace(" ", "") in page


def test_faults_are_marked() -> None:
    moves = (Move("campaign", 1), Move("sync_load", 1), Move("crash", 1))
    run = Run("", "off", (Kind.PD,), ("pd1",), example().constants, {("now", 0): 10}, moves)
    assert [step.fault for step in tell(run).steps] == [False, False, True]
    assert "⚡ crashes" in printed(run)
    assert "3 · t+0 · ⚡ crashes" in show.mermaid(run)
    assert '<tr id="step3" class="step fault"' in pages.of_run(run)


@pytest.mark.parametrize("servers", [2, 3, 6])
@pytest.mark.parametrize("width", [40, 80, 120])
def test_the_text_fits_the_terminal(servers: int, width: int) -> None:
    run = example()
    more = tuple(f"http://10.0.0.{n}:3379" for n in range(3, servers + 1))
    kinds = (*run.kinds, *(Kind.TSO for _ in more))
    run = replace(run, names=("pd1", "tso1", *more), kinds=kinds)
    text = printed(run, width)
    assert max(map(len, text.splitlines())) <= width
    assert ("│who" in text) == (width < 12 + 20 * (len(run.names) + 1))
    assert "grants (t+1, 1)" in text


def test_a_run_that_cannot_happen_is_not_shown() -> None:
    run = replace(example(), moves=example().moves[1:])
    for form in (show.text, show.data, pages.of_run, show.mermaid):
        with pytest.raises(RunError, match="step 2: sync_load is refused: leader"):
            form(run)


def hostile() -> Run:
    return replace(example(), title=HOSTILE, names=("end", HOSTILE))


def test_names_cannot_command_the_terminal() -> None:
    text = printed(hostile(), 120, colours=True)
    assert "[red]" in re.sub(r"\s", "", text)
    assert "\x1b[31m" not in text
    assert "\u202e" not in text


class Page(HTMLParser):
    """The elements of a page, and its text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[str] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append(tag)
        assert not {name for name, _ in attrs} & {"src", "onload", "onerror", "style"}
        assert all((value or "").startswith("#") for name, value in attrs if name == "href")

    def handle_data(self, data: str) -> None:
        self.text += data


def test_names_stay_text_on_the_page() -> None:
    page = Page(pages.of_run(hostile()))
    assert page.elements.count("script") == 2, "its data and its own"
    assert page.text.count('<script>alert(1)</script>; end #35; %% "x"\ufffd`y` $title --> [red] &amp; ') > 4
    assert "grants (t+1, 1)" in page.text


def test_names_stay_text_in_the_diagram() -> None:
    source = show.mermaid(hostile())
    _, front, body = source.split("---\n", 2)
    assert front.count("\n") == 1
    assert "<" not in front + body.replace("<br/>", "")
    statement = (
        r"(participant \w+( as .*)?|(s\d(->>|-x|-->>)\w+|Note over s\d(,client)?): .*|rect rgba.*|end)"
    )
    first, *lines = body.splitlines()
    assert first == "sequenceDiagram"
    for line in lines:
        assert re.fullmatch(statement, line.strip()), line
        assert ";" not in re.sub(r"#\d+;", "", line)
        assert not re.search(r"[%\"`\[{]", line)
