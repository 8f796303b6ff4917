"""Where the end of a run comes from, and why nobody gets out of one that repeats."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

from tsofence.checker.run import Move, Run
from tsofence.checker.search.explore import explore
from tsofence.model.language.transition import Kind
from tsofence.specs import properties, scenario
from tsofence.traces.runs import files
from tsofence.traces.story import show
from tsofence.traces.story.because import plain
from tsofence.traces.story.cause import MAX_LINKS, Cause, Passed, Unseen
from tsofence.traces.story.telling import Story, tell
from tsofence.traces.tell.outlet import as_json

from ..documents import read_document

RUNS = Path(__file__).parents[1] / "runs"


@cache
def golden(name: str) -> Run:
    return files.load(RUNS / f"{name}.json")


@cache
def story(name: str) -> Story:
    return tell(golden(name))


def cause_of(found: Story) -> Cause:
    assert found.cause is not None
    return found.cause


def told(found: Story) -> list[str]:
    return [plain(sentence) for sentence in found.because]


def test_a_duplicate_is_followed_to_what_was_read_and_to_who_changed_it() -> None:
    run = story("tso-restart.check-tso-primary.unique")
    found = cause_of(run)
    assert found.steps == (3, 4, 5, 7, 11, 13, 14, 16, 17, 19, 20)
    by_place = {(link.place, link.step): link for link in found.links}
    chose = by_place[("next", 1), 7]
    read = by_place[("seen", 1), 3]
    assert chose.clock
    assert found.links[chose.weighed[0]] == read, "the clock was compared with what was read"
    assert read.unseen == Unseen(11, 1003, ((18, "window grows"),))
    assert by_place[("seen", 2), 4].unseen is None, "tso1's own save is no change behind its back"
    assert told(run) == [
        (
            "pd1 read timestamp none in step 3, chose t+1 by its clock in step 7, saved it in step 19 and "
            "granted in step 20."
        ),
        (
            "Before pd1 used that, timestamp had become t+3 in step 11; only the guard “window grows” in "
            "step 18 compared the two, and passed."
        ),
        (
            "The guard “no TSO primary” of pd1 passed in step 17 only because primary, tso1 until then, had "
            "been removed in step 16."
        ),
        (
            "tso1 read timestamp none in step 4, chose t+0 by its clock in step 5, saved it in step 11, "
            "moved its physical part to t+1 in step 13 and granted t+1 in step 14."
        ),
    ]


def test_a_check_that_passed_because_of_a_removal_is_the_cause_s() -> None:
    """What compares the key with what was read after the change is no such check: it read the same again."""
    run = golden("tso-restart.check-tso-primary.unique")
    (passed,) = cause_of(story("tso-restart.check-tso-primary.unique")).passed
    assert passed == Passed(17, "no TSO primary", ("primary", 0), 2, 0, 16)
    assert read_document(as_json(show.data(run)))["cause"]["passed"] == [
        {
            "variable": "primary",
            "server": None,
            "step": 17,
            "guard": "no TSO primary",
            "before": "tso1",
            "value": "none",
            "changed": 16,
        }
    ]
    unchecked = cause_of(story("rolling-upgrade.off.unique"))
    assert unchecked.passed == (), "no guard of that fence looks at what others do"


def test_an_answer_from_memory_says_what_changed_since_it_asked() -> None:
    run = story("rolling-upgrade.check-tso-primary.real-time")
    found = cause_of(run)
    assert found.asked == 7
    assert [(each.step, each.place[0]) for each in found.since] == [(8, "primary"), (13, "timestamp")]
    assert told(run)[-1] == (
        "pd1 asked etcd last in step 7 and answers from memory, though primary became tso1 in step 8, "
        "timestamp became t+9 in step 13."
    )


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("single-writer", "pd1 never looked at primary, which changed in step 2."),
        ("one-live", "tso1 was elected in step 2 and became able to grant in step 12."),
    ],
)
def test_other_properties_have_their_own_causes(name: str, says: str) -> None:
    (finding,) = explore(scenario.load("rolling-upgrade"), "off", [properties.named(name)]).findings
    assert finding.run is not None
    assert says in told(tell(finding.run))


@pytest.mark.parametrize("path", sorted(RUNS.glob("*.json")), ids=lambda path: path.stem)
def test_every_link_leads_back(path: Path) -> None:
    found = cause_of(story(path.stem))
    assert not found.cut
    for number, link in enumerate(found.links):
        assert link.step <= found.step
        for earlier in (*link.reads, *link.weighed):
            assert found.links[earlier].step < link.step, number


def test_a_look_that_came_too_early_is_named() -> None:
    """The PD looks for a primary, one is elected, and nothing compares the key again."""
    moves = [
        *(Move("campaign", 1), Move("sync_load", 1), Move("sync_begin", 1), Move("find_own_key", 1)),
        *(Move("find_no_primary", 1), Move("campaign", 2), Move("load_window", 1), Move("commit", 1)),
    ]
    run = golden("tso-restart.check-tso-primary.unique")
    dropped = (("commit", "no TSO primary"),)
    run = replace(run, moves=tuple(moves), breaks="single-writer", dropped=dropped)
    ended = tell(run)
    (looked,) = cause_of(ended).looked
    assert (looked.place[0], looked.step, looked.guard, looked.changed) == ("primary", 5, "no TSO primary", 6)
    assert (
        "pd1 looked at primary in step 5 and found none; it changed in step 6, and nothing looked again."
        in told(ended)
    )


def test_a_long_chain_is_cut_and_says_so() -> None:
    memory = {"role": 1, "lease": 1, "promoted": 1, "initialised": 1, "physical": 100, "saved": 10_000}
    first = {("now", 0): 100, ("leader", 0): 1, ("timestamp", 0): 90}
    first |= {(name, 1): value for name, value in memory.items()}
    grant = Move("grant", 1, {"count": 1, "note": 0, "pick": 1})
    constants = dict.fromkeys(files.CONSTANTS, 2) | {"guard": 1}
    moves = (*(grant, Move("overflow", 1)) * MAX_LINKS, grant)
    run = Run("", "off", (Kind.PD,), ("pd1",), constants, first, moves, "window", reachable=False)
    ended = tell(run)
    found = cause_of(ended)
    assert found.cut
    assert len(found.links) == MAX_LINKS
    assert told(ended)[-1] == "What came before that is left out."


def test_a_run_that_breaks_nothing_has_no_cause() -> None:
    run = golden("tso-restart.check-tso-primary.unique")
    for other in (replace(run, breaks=None), replace(run, breaks="window"), replace(run, moves=())):
        ended = tell(other)
        assert (ended.cause, ended.because) == (None, ())


def test_a_lasso_says_which_guards_refuse_each_way_out() -> None:
    found = story("lassos/mixed-upgrade.check-tso-primary.takeover").forever
    assert found is not None
    assert (found.first, found.last, found.shift, found.differ) == (12, 22, 2, ())
    way = found.ways[0]
    assert (way.transition, way.server, way.owed, way.possible) == ("campaign", 2, True, ())
    assert dict(way.refused) == {
        "election key is absent": way.states,
        "a PD campaigns only as raft leader": way.states,
    }
    assert told(story("lassos/mixed-upgrade.check-tso-primary.takeover"))[:2] == [
        "After step 22 all is as it was before step 12, every time 2 later.",
        (
            "pd2 cannot campaign: “election key is absent” and “a PD campaigns only as raft leader” fail in "
            "all 11 states."
        ),
    ]


def test_a_step_that_does_not_count_is_told_apart_from_one_that_is_refused() -> None:
    counts, refused = told(story("lassos/mixed-upgrade.check-tso-primary.availability"))[1:]
    assert counts == (
        "tso1 can grant in place of step 9, but that is none that is asked for: asked_by_library[n] does not "
        "hold."
    )
    assert refused.startswith("pd1 cannot grant: “memory is set” and “promoted” fail in all ")


def test_json_has_the_cause_as_data() -> None:
    run = golden("tso-restart.check-tso-primary.unique")
    found = read_document(as_json(show.data(run)))
    assert found["cause"]["steps"] == [3, 4, 5, 7, 11, 13, 14, 16, 17, 19, 20]
    assert found["because"][0]["steps"] == [3, 7, 19, 20]
    read = next(link for link in found["cause"]["links"] if link["variable"] == "seen" and link["step"] == 3)
    assert read["unseen"] == {"step": 11, "compared": [{"step": 18, "guard": "window grows"}]}
    assert len(found["steps"]) == len(run.moves)
