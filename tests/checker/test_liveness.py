"""Liveness of small scenarios: each verdict, and the fairness that it rests on."""

from __future__ import annotations

import io
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from tsofence.checker.liveness.columns import truth
from tsofence.checker.liveness.forever import starves
from tsofence.checker.liveness.liveness import Cut, States, decide, findings
from tsofence.checker.run import Move, Run, RunError, repeats
from tsofence.checker.search.findings import Progress
from tsofence.model.language.expr import NOBODY, both, exists
from tsofence.model.pd import state as s
from tsofence.model.variants import fences
from tsofence.specs.liveness import NAMES, Fairness, Liveness, named, named_steps
from tsofence.specs.scenario import Scenario, load
from tsofence.traces.page.pages import of_run
from tsofence.traces.runs import files
from tsofence.traces.runs.rerun import rerun
from tsofence.traces.sources.observation import BadInput
from tsofence.traces.story.show import mermaid, text

from ..amount import ALL

DOCS = Path(__file__).parents[2] / "docs"
UPGRADE = replace(load("rolling-upgrade"), window=3)
SMALL = replace(UPGRADE, window=2, budgets={**UPGRADE.budgets, "pd.term": 1})
ALONE = replace(SMALL, tso=0, budgets={**SMALL.budgets, "pd.keepalive": 1})
#: some server grants a timestamp again and again
GRANTS = Liveness("grants-again", "", reached_by=named_steps("grant"))


#: the whole of mixed-upgrade with a shorter window: the same verdicts
MIXED = replace(load("mixed-upgrade"), window=2)
#: what becomes of each property there, and the number of steps of the run and of those before its cycle
UPGRADES = {
    "check-tso-primary": {
        "takeover": (22, 11),
        "availability": (19, 8),
        "pd-leader": None,
        "no-livelock": None,
        "ready": (19, 8),
    },
    "yielded-flag": {
        "takeover": None,
        "availability": (29, 20),
        "pd-leader": (29, 20),
        "no-livelock": None,
        "ready": None,
    },
    "etcd-transfer": {
        "takeover": None,
        "availability": (30, 7),
        "pd-leader": None,
        "no-livelock": (30, 7),
        "ready": None,
    },
}
#: what the answers to the review are about
REVIEWED = [name for name in NAMES if name != "ready"]


@cache
def states(world: str = "small", fence: str = "check-tso-primary") -> States:
    made: Scenario = {"small": SMALL, "alone": ALONE, "mixed": MIXED}[world]
    return States(made, fence, max_states=400_000, memory=1 << 32)


def without(*names: str) -> Liveness:
    return replace(GRANTS, fairness={k: how for k, how in GRANTS.fairness.items() if k not in names})


def run_of(prop: Liveness) -> Run:
    found = decide(states(), prop).run
    assert found is not None
    return found


def test_somebody_grants_again() -> None:
    found = decide(states(), GRANTS)
    assert (found.verdict, found.run) == ("holds", None)
    assert "tick: weak" in found.fairness


@pytest.mark.parametrize("name", ["grant", "campaign", "commit", "load_window"])
def test_it_rests_on_the_fairness_of(name: str) -> None:
    found = decide(states(), without(name))
    assert found.verdict == "violated"
    assert found.run is not None
    assert found.run.cycle_from is not None
    cycle = found.run.moves[found.run.cycle_from :]
    assert "tick" in {move.transition for move in cycle}
    assert "grant" not in {move.transition for move in cycle}


def test_a_cycle_that_cannot_repeat_is_refused() -> None:
    run = run_of(without("commit"))
    assert repeats(run)
    assert not repeats(replace(run, cycle_from=None))
    with pytest.raises(RunError, match="is refused"):
        repeats(replace(run, cycle_from=0))  # nobody is elected twice while in office


def test_a_limit_that_is_used_up_is_no_violation() -> None:
    """The only PD loses its lease and may not be elected again: the scenario is too small to tell."""
    found = decide(states("alone"), GRANTS)
    assert found.verdict == "unknown"
    assert "pd.term = 1" in found.note


def test_a_premise_that_is_never_met() -> None:
    both_keys = both(s.leader != NOBODY, s.primary != NOBODY, s.leader == s.primary)
    found = decide(states(), replace(GRANTS, premise=both_keys, fairness={"tick": Fairness.WEAK}))
    assert (found.verdict, found.note) == ("vacuous", "nothing met its premise")


def test_takeover_and_its_absence() -> None:
    """Whenever a TSO primary exists it is promoted at last; a PD need not lose its leadership for that."""
    exists_primary = s.primary != NOBODY
    promoted = exists(lambda m: both(s.is_tso[m], s.promoted[m]))
    prop = Liveness("takeover", "", premise=exists_primary, goal=promoted)
    assert decide(states(), prop).verdict == "holds"
    leaves = replace(prop, goal=both(promoted, s.leader == NOBODY))
    assert decide(states(), leaves).verdict == "violated"


def test_a_livelock() -> None:
    """The PD's sync is refused forever: a cycle of refusals without a commit by it."""
    refused = replace(
        GRANTS, repeated=named_steps("refused_by_fence"), reached_by=named_steps("update_begin")
    )
    found = decide(states(), replace(refused, fairness={"tick": Fairness.WEAK}))
    assert found.verdict == "violated"
    assert found.run is not None
    assert "refused_by_fence" in {move.transition for move in found.run.moves[found.run.cycle_from :]}
    assert decide(states("small", "off"), refused).verdict == "vacuous"


def test_a_search_that_was_cut_decides_nothing() -> None:
    with pytest.raises(Cut, match="--max-states"):
        States(SMALL, "off", max_states=1_000, memory=1 << 32)
    with pytest.raises(Cut, match="--memory"):
        States(SMALL, "off", max_states=200_000, memory=1 << 20)
    with pytest.raises(Cut, match="interrupted"):
        States(SMALL, "off", max_states=200_000, memory=1 << 32, stop=lambda: True)


def test_whoever_waits_hears_what_is_done() -> None:
    told: list[Progress] = []
    found = findings(
        SMALL,
        "check-tso-primary",
        [named("takeover"), named("pd-leader")],
        max_states=400_000,
        memory=1 << 32,
        threads=lambda: 2,
        progress=told.append,
    )
    assert [each.property for each in found] == ["takeover", "pd-leader"]
    assert told[-1].states == len(states().engine)  # as one thread finds them
    doing = list(dict.fromkeys(each.doing.split(":")[1] for each in told))
    assert doing == [
        " every state, without the observer",
        f" {told[-1].transitions} steps once more, as a graph",
        " fair cycles, takeover (1 of 2)",
        " fair cycles, pd-leader (2 of 2)",
    ]


def test_neither_is_a_step_taken_at_once_nor_are_servers_exchanged() -> None:
    """Both would change which runs are fair: see the module."""
    assert states("mixed").expander.merged == []
    assert states("mixed").expander.equals == []


def test_all_states_at_once_as_one_by_one() -> None:
    found = states()
    condition = both(s.primary != NOBODY, exists(s.serving))
    at_once = found.where(condition)
    from tsofence.model.language.python import Machine

    machine = Machine(found.expander.configuration, choose=True)
    some = np.arange(0, len(found.engine), 97)
    assert at_once[some].tolist() == [
        bool(machine.value(found.engine.state(int(n)), condition)) for n in some
    ]
    assert truth(found.engine, condition.args[0]).any()


def test_a_lasso_is_written_read_and_told(tmp_path: Path) -> None:
    run = replace(run_of(without("commit")), breaks="availability")
    (tmp_path / "run.json").write_text(files.dumps(run))
    assert files.load(tmp_path / "run.json") == run
    assert "then repeat forever" in mermaid(run)
    assert "repeats forever" in of_run(run)
    (tmp_path / "run.json").write_text(files.dumps(replace(run, cycle_from=0)))
    with pytest.raises(BadInput, match="is refused at last"):
        files.load(tmp_path / "run.json")


@pytest.mark.parametrize("fence", UPGRADES)
@pytest.mark.parametrize("name", NAMES)
def test_who_takes_over(fence: str, name: str) -> None:
    found = decide(states("mixed", fence), named(name))
    expected = UPGRADES[fence][name]
    if expected is None:
        assert (found.verdict, found.run) == ("holds", None)
    else:
        assert found.verdict == "violated"
        assert found.run is not None
        assert (len(found.run.moves), found.run.cycle_from) == expected
        assert starves(found.run, named(name))


def test_a_takeover_that_fails_is_that_of_the_recording() -> None:
    """The PD that was refused leads without an allocator, and its sync is refused forever."""
    run = decide(states("mixed"), named("takeover")).run
    assert run is not None
    cycle = {(move.transition, move.server) for move in run.moves[run.cycle_from :]}
    assert ("refused_by_fence", 1) in cycle
    assert not [name for name, server in cycle if name in ("campaign", "commit") and server == 1]


@pytest.mark.parametrize(
    ("name", "dropped"),
    [("takeover", "raft_reclaims"), ("takeover", "campaign"), ("pd-leader", "campaign")],
)
def test_a_holds_rests_on_its_fairness(name: str, dropped: str) -> None:
    prop = named(name)
    fairness = {k: how for k, how in prop.fairness.items() if k != dropped}
    fence = "yielded-flag" if name == "takeover" else "check-tso-primary"
    assert decide(states("mixed", fence), replace(prop, fairness=fairness)).verdict == "violated"


def test_a_lasso_that_is_not_fair_or_reaches_the_goal_breaks_nothing() -> None:
    """Judged by itself, without the graph."""
    run = decide(states("mixed"), named("takeover")).run
    assert run is not None
    takeover = named("takeover")
    assert starves(run, takeover)
    assert not starves(replace(run, cycle_from=None), takeover)
    # time passes and nothing else happens: the PD puts its sync off forever
    idle = (*run.moves[: run.cycle_from], Move("tick", 0, {"by": 1}))
    assert not starves(replace(run, moves=idle), takeover)
    assert not starves(run, replace(takeover, goal=s.leader != NOBODY))
    assert not starves(run, replace(takeover, reached_by=named_steps("refused_by_fence")))
    assert not starves(run, replace(takeover, repeated=named_steps("campaign")))
    assert not starves(run, replace(takeover, premise=exists(lambda m: s.tries[m] == 3)))
    # nobody elects the PD in API mode as long as nobody is asked to be fair to the raft leader's moves
    fair = {**takeover.fairness, "raft_moves": Fairness.WEAK}
    assert not starves(run, replace(takeover, fairness=fair))


def test_weak_fairness_of_elections_is_not_enough() -> None:
    """The raft leader could move to and fro before either PD campaigns."""
    prop = named("takeover")
    weak = dict.fromkeys(prop.fairness, Fairness.WEAK)
    assert decide(states("mixed", "yielded-flag"), replace(prop, fairness=weak)).verdict == "violated"


def test_too_few_elections_decide_nothing() -> None:
    """Elections that a scenario limits do end: what they would do without the limit is unknown."""
    world = replace(MIXED, budgets={**MIXED.budgets, "pd.term": 1, "pd.stop": 0})
    found = decide(States(world, "etcd-transfer", max_states=900_000, memory=1 << 32), named("no-livelock"))
    assert found.verdict == "unknown"
    assert "pd.term" in found.note


@pytest.mark.parametrize(
    ("budgets", "needed"),
    [
        ({"pd.stop": 0}, "pd.stop = 0"),
        pytest.param({"pd.mode": 0}, "pd.mode = 0", marks=pytest.mark.large),
        ({"tso.term": 0}, "tso.term = 0"),
    ],
)
def test_limits_too_small_for_a_premise_decide_nothing(budgets: dict[str, int], needed: str) -> None:
    world = replace(MIXED, budgets={**MIXED.budgets, **budgets})
    found = decide(States(world, "check-tso-primary", max_states=900_000, memory=1 << 32), named("takeover"))
    assert found.verdict == "unknown"
    assert needed in found.note


#: which refuse saves, or yield, each in a way of its own
EVERY_DAY = ("check-tso-primary", "yielded-flag", "etcd-transfer", "hook", "save-cas")
#: parts of the last fence, which is decided
ALIKE = ("window-lease", "wait-out")


@pytest.mark.parametrize(
    "fence",
    [
        fence if fence in EVERY_DAY else pytest.param(fence, marks=pytest.mark.large)
        for fence in fences.ALL
        if ALL or fence not in ALIKE
    ],
)
def test_every_fence_is_decided(fence: str) -> None:
    """Each lasso is taken by the plain interpreter, also where a fence refuses saves in its own way."""
    world = replace(MIXED, api=1, budgets={**MIXED.budgets, "pd.stop": 0, "pd.mode": 0})
    made = States(world, fence, max_states=900_000, memory=1 << 32)
    found = {name: decide(made, named(name)) for name in NAMES}
    assert {found[name].verdict for name in REVIEWED} <= {"violated", "holds"}
    assert found["ready"].verdict in ("violated", "holds", "unknown")  # a last term of each server may be cut
    for name, decision in found.items():
        assert decision.run is None or starves(decision.run, named(name))


@pytest.mark.parametrize(
    ("file", "fence", "violated"),
    [
        ("three-pds", "check-tso-primary", {"takeover": 19, "availability": 19}),
        pytest.param("three-pds", "yielded-flag", {}, marks=pytest.mark.large),
        pytest.param(
            *("three-pds", "etcd-transfer", {"takeover": 30, "availability": 30, "no-livelock": 30}),
            marks=pytest.mark.large,
        ),
        ("no-reclaim", "yielded-flag", {"takeover": 23, "availability": 20, "pd-leader": 20}),
        pytest.param(
            *("no-reclaim", "etcd-transfer", {"availability": 30, "no-livelock": 30}),
            marks=pytest.mark.large,
        ),
    ],
)
def test_what_the_answers_to_the_review_say(file: str, fence: str, violated: dict[str, int]) -> None:
    world = load(str(DOCS / f"{file}.toml"))
    made = States(world, fence, max_states=900_000, memory=1 << 32)
    found = {name: decide(made, named(name)) for name in REVIEWED}
    assert {d.verdict for d in found.values()} <= {"violated", "holds"}
    assert {name: len(d.run.moves) for name, d in found.items() if d.run is not None} == violated


def test_a_library_client_is_served_where_a_pd_in_api_mode_leads() -> None:
    world = replace(load("tso-pair"), window=2, budgets={**load("tso-pair").budgets, "tso.client_sync": 0})
    found = decide(States(world, "off", max_states=900_000, memory=1 << 32), named("availability"))
    assert found.verdict == "holds"
    assert found.states > 0


def test_another_fence_has_to_allow_the_cycle_too() -> None:
    run = decide(states("mixed"), named("takeover")).run
    assert run is not None
    again = rerun(run, ["check-tso-primary", "hook", "yielded-flag"], [])
    assert [verdict.allows for verdict in again.fences] == [True, False, False]
    assert "is refused" in again.fences[2].refused
    broken = {each.property: each.steps for each in again.properties}
    assert broken["takeover"] == (run.cycle_from + 1 if run.cycle_from else 0,)
    assert "takeover" not in {each.property for each in rerun(run, [], ["unique"]).properties}


def test_the_cycle_is_marked_where_it_is() -> None:
    run = decide(states("mixed"), named("takeover")).run
    assert run is not None
    begins = (run.cycle_from or 0) + 1
    console = Console(width=100, file=io.StringIO())
    console.print(text(run))
    told = console.file.getvalue()  # type: ignore[attr-defined]  # the StringIO above
    assert f"↻ {begins} " in told
    assert f"↻ {begins - 1} " not in told
    drawn = mermaid(run)
    assert drawn.count("loop forever") == 1
    assert f"{begins} · " in drawn.split("loop forever")[1].splitlines()[1]
    page = of_run(run)
    assert f'id="step{begins}" class="step repeats begins"' in page
    assert f'id="step{begins - 1}" class="step repeats' not in page
