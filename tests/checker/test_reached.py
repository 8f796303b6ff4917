"""Finding a state agrees with every step taken by the plain interpreter, with reductions and without."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tsofence.checker.reductions.questions import OpenSystem
from tsofence.checker.reductions.unmoved import looks_at_what_may_move
from tsofence.checker.run import follow
from tsofence.checker.search import explore as exploring
from tsofence.checker.search.explore import explore
from tsofence.checker.search.findings import Exploration, Finding
from tsofence.checker.search.reached import finding_of, reached, sought
from tsofence.model.language.expr import NOBODY
from tsofence.model.language.fold import fold
from tsofence.model.language.instance import REDUCTIONS
from tsofence.model.language.python import Machine, source
from tsofence.model.language.variant import Variant
from tsofence.model.pd import state as s
from tsofence.model.variants import fences
from tsofence.specs import scenario
from tsofence.specs.phrases.sought import SoughtError, may_be_asked

from ..worlds import TINY

DOCS = Path(__file__).resolve().parents[2] / "docs"
WORLD = scenario.parse(TINY, "tiny", "tiny.toml")
FENCE = "off"
#: how far the brute-force search goes
DEEP = 11


def find(text: str, reductions: Sequence[str] = REDUCTIONS) -> Exploration:
    asked = sought(text, WORLD, FENCE)
    return reached(explore(WORLD, FENCE, [asked], reductions=reductions), [asked])


@cache
def machine() -> Machine:
    """Every choice of every step, absolute times, the scenario's limits: nothing folded, nothing left out."""
    made = replace(WORLD.configuration(fences.parse(FENCE)), relative=False)
    return Machine(made, choose=True)


@cache
def by_steps() -> tuple[set[tuple[int, ...]], ...]:
    """The states that so many steps lead to, and no fewer; of two that differ in time only, the first."""
    layout = machine().layout
    now, times = layout.slots["now", 0], (*layout.time_slots, *layout.deadline_slots)

    def since(state: tuple[int, ...]) -> tuple[int, ...]:
        return tuple(
            0 if i == now else v - state[now] if v and i in times else v for i, v in enumerate(state)
        )

    first = layout.initial({("now", 0): 1000}, WORLD.budgets)
    levels, seen = [{first}], {since(first)}
    for _ in range(DEEP):
        level = set()
        for state in levels[-1]:
            for index in range(len(machine().instances)):
                if not machine().refused(state, index):
                    after = machine().apply(state, index)
                    if since(after) not in seen:
                        seen.add(since(after))
                        level.add(after)
        levels.append(level)
    return tuple(levels)


def shortest(text: str) -> int | None:
    """In how many steps such a state is reached, if in no more than `DEEP`."""
    condition = sought(text, WORLD, FENCE).condition
    folded = fold(condition, replace(machine().configuration.known, now=None))
    holds: Callable[[tuple[int, ...]], bool] = eval(  # source of the model's own words
        f"lambda s: {source(folded, machine().layout, lambda slot: f's[{slot}]')}"
    )
    return next((steps for steps, level in enumerate(by_steps()) if any(map(holds, level))), None)


def agrees(text: str, finding: Finding) -> None:
    steps = shortest(text)
    if steps is not None:
        assert (finding.verdict, finding.steps) == ("reachable", steps), text
    elif finding.verdict == "reachable":
        assert finding.steps is not None
        assert finding.steps > DEEP, text
    if finding.run is not None:
        run = finding.run
        *_, last = [run.machine().layout.initial(run.first, {}), *(frame.after for frame in follow(run))]
        assert run.machine().value(last, sought(text, WORLD, FENCE).condition), text
        assert run.breaks is None


#: a state, and in how many steps it is reached, where that is plain
KNOWN: dict[str, int | str | None] = {
    "noted or leader == none": 0,
    "pd1.leader": 1,
    "pd1.serving and tso1.serving": 2,
    "any s in tso: s.able_to_grant": None,
    "timestamp != none and primary == none": None,
    "pd1.stage == read and timestamp == none": None,
}
#: no state is so: every one is looked at, which takes longer
UNREACHED: dict[str, int | str | None] = {
    "leader == tso1": "unreachable",
    "leader == tso1 and tso1.serving": "unreachable",  # looks at a lease's end: a table of its own
    "pd1.role == down or not tso1.is_tso": "unreachable",
}


@pytest.mark.parametrize("text", KNOWN)
def test_what_is_found_is_what_there_is(text: str) -> None:
    finding = finding_of(find(text))
    agrees(text, finding)
    assert KNOWN[text] in (None, finding.steps, finding.verdict)


@pytest.mark.large
@pytest.mark.parametrize("text", [*KNOWN, *UNREACHED])
def test_reductions_hide_no_state(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = finding_of(find(text, ()))
    # otherwise they only come into play beyond some thousand states
    monkeypatch.setattr(exploring, "_SMALL", 1)
    reduced = finding_of(find(text))
    agrees(text, whole)
    assert (whole.verdict, whole.steps) == (reduced.verdict, reduced.steps)
    assert UNREACHED.get(text) in (None, whole.verdict)


_SERVERS = st.sampled_from(["pd1", "tso1"])
_TIMES = st.sampled_from(["now", "timestamp", "now - 1", "tso1.saved"])
_HOLDERS = st.sampled_from(["none", "pd1", "tso1"])
_PIECES = st.one_of(
    st.builds("{}.{}".format, _SERVERS, st.sampled_from(["serving", "promoted", "initialised", "leader"])),
    st.builds("{}.stage == {}".format, _SERVERS, st.sampled_from(["loaded", "begun", "mine", "read"])),
    st.builds("{}.physical {} {}".format, _SERVERS, st.sampled_from(["<", "==", ">"]), _TIMES),
    st.builds("{}.logical == {}".format, _SERVERS, st.integers(0, 2)),
    st.builds("{} == {}".format, st.sampled_from(["leader", "primary"]), _HOLDERS),
    st.sampled_from(["noted", "timestamp == none", "any s: any t: s != t and s.serving and t.serving"]),
)


@settings(max_examples=10)
@given(st.lists(_PIECES, min_size=1, max_size=3), st.sampled_from([" and ", " or "]))
def test_whatever_is_sought_is_found_where_it_is(pieces: list[str], by: str) -> None:
    text = by.join(f"({piece})" for piece in pieces)
    asked = sought(text, WORLD, FENCE)
    # cut, and without waiting for proofs: nothing is said to be unreachable
    found = explore(WORLD, FENCE, [asked], reductions=(), wait=False, max_states=1_500)
    finding = finding_of(reached(found, [asked]))
    agrees(text, finding)
    assert finding.verdict != "unreachable"


EXAMPLES = re.findall(
    r"^\| `([^`]+)` \|.*\| (\d+) \|$", (DOCS / "stepping.md").read_text(encoding="utf-8"), re.M
)


@pytest.mark.parametrize(("text", "steps"), EXAMPLES, ids=[text for text, _ in EXAMPLES])
def test_the_examples_of_the_page_are_found_as_it_says(text: str, steps: str) -> None:
    world = scenario.load(scenario.DEFAULT)
    asked = sought(text, world, FENCE)
    found = explore(world, FENCE, [asked], wait=False, max_states=8_000)
    finding = finding_of(reached(found, [asked]))
    assert (finding.verdict, finding.steps) == ("reachable", int(steps))


def test_the_page_has_its_examples() -> None:
    assert len(EXAMPLES) == 6


def test_what_no_reduction_touches_needs_no_proof_of_its_own() -> None:
    made = WORLD.configuration(fences.parse(FENCE))

    def moves(text: str) -> bool:
        return looks_at_what_may_move(sought(text, WORLD, FENCE), made)

    assert not moves("pd1.leader and primary == none and tso1.promoted and not tso1.initialised")
    for text in (
        "pd1.serving",
        "pd1.physical == now",
        "pd1.stage == read",
        "noted_logical == 1",
        "pd1.tries == 1",
    ):
        assert moves(text), text


def test_steps_taken_at_once_are_not_proved_for_a_server_by_its_number() -> None:
    """They are shown for any number of servers, of which none has a number."""
    made = WORLD.configuration(fences.parse(FENCE))
    system = OpenSystem(made)
    with pytest.raises(ValueError, match="names a server"):
        system.of(system.before, sought("pd1.stage == read", WORLD, FENCE).condition)


def test_a_system_in_which_time_may_stand_still_is_not_asked() -> None:
    still = Variant("still", "no time passes while somebody leads")
    still.guard("tick", "nobody leads", s.leader == NOBODY)
    made = WORLD.configuration(still)
    with pytest.raises(SoughtError, match="lets time stand still"):
        may_be_asked(made.transitions)


def test_servers_by_name_keep_their_places() -> None:
    asked = sought("pd1.leader", scenario.load("pd-failover"), "off")
    found = explore(scenario.load("pd-failover"), "off", [asked], wait=False, max_states=300)
    assert finding_of(reached(found, [asked])).run is not None
