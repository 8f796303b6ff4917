"""The page of a run, as data and as a document; what a browser makes of it stands in `test_browser.py`."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

from tsofence.checker.run import Move, Run
from tsofence.model.language.transition import Kind
from tsofence.traces.page import pages
from tsofence.traces.page.run_page import Arrow, Piece, RunPage, run_page, shown
from tsofence.traces.runs import files
from tsofence.traces.story.telling import Change

RUNS = Path(__file__).parents[1] / "runs"
ALL = sorted(RUNS.rglob("*.json"))


EXAMPLE = RUNS / "tso-restart.check-tso-primary.unique.json"


@cache
def loaded(path: Path) -> Run:
    return files.load(path)


@cache
def page_of(path: Path) -> RunPage:
    return run_page(loaded(path))


def example() -> RunPage:
    return page_of(EXAMPLE)


def test_the_steps_of_a_save_are_one_row_that_opens() -> None:
    groups = example().groups
    assert [[row.step.number for row in group.rows] for group in groups if group.folded] == [
        [4, 5],
        [7, 8],
        [9, 10, 11],
        [17, 18, 19],
    ]
    folded = groups[-2].folded
    assert folded is not None
    assert folded.step.changes[0][0] == Change("save", "sync\nto t+4\nown key", "no")
    assert folded.step.changes[2] == (Change("timestamp", "t+3", "t+4"),)
    assert folded.causal
    assert [row.step.number for row in groups[-2].within] == [17, 18], "the checks, without opening the row"
    assert [row.step.number for row in example().rows] == list(range(1, 21)), "each step once, in order"


def test_a_folded_save_names_the_steps_that_the_cause_names() -> None:
    found = example()
    named = {part.step for sentence in found.because for part in sentence if part.step is not None}
    for group in found.groups:
        hidden = {row.step.number for row in group.rows[:-1]} if group.folded else set()
        assert {row.step.number for row in group.within} >= hidden & named
    page = pages.rendered(found)
    assert '<a href="#step7">step 7</a> sync: next = t+1 (its clock)' in page


def test_the_steps_of_the_conclusion_are_links() -> None:
    (_, grants) = example().conclusion
    assert [part.step for part in grants if part.step is not None] == [20, 14]
    assert "".join(part.text for part in grants).startswith("pd1 grants (t+1, 1) in step 20; ")


def test_arrows_say_what_is_lost() -> None:
    run = loaded(EXAMPLE)

    def arrows(*last: Move) -> tuple[Arrow, ...]:
        begun = [*run.moves[:1], *(Move(name, 1) for name in ("sync_load", "sync_begin", "find_own_key"))]
        page = run_page(replace(run, fence="off", moves=(*begun, *last), breaks=None))
        return [*page.rows][-1].arrows

    read = Move("load_window", 1)
    assert arrows(read) == (Arrow(False, False, 2), Arrow(True, False, 2))
    assert arrows(read, Move("commit_answer_lost", 1)) == (Arrow(False, False, 2), Arrow(True, True, 2))
    assert arrows(read, Move("request_lost", 1)) == (Arrow(False, True, 2),)
    assert arrows(read, Move("crash", 1)) == ()


@pytest.mark.parametrize(
    ("before", "after", "pieces"),
    [
        ("ends t+3", "ends t+5", [("ends ", False), ("t+5", True)]),
        ("none", "t+3", [("t+3", True)]),
        ("t-1.5", "t-1", [("t-1", True)]),
    ],
)
def test_what_is_new_in_a_value_is_marked(before: str, after: str, pieces: list[tuple[str, bool]]) -> None:
    assert shown(Change("x", before, after)).after == tuple(Piece(*piece) for piece in pieces)


def test_lives_of_the_servers() -> None:
    lives = [tuple(cell.life for cell in row.cells) for row in example().rows]
    assert lives[0] == ("elected", "up", "keys")
    assert lives[10] == ("elected", "able", "keys")
    assert lives[15] == ("elected", "down", "keys")
    assert lives[19] == ("able", "down", "keys")


def test_what_else_could_have_happened_and_what_refused_it() -> None:
    row = [*example().rows][17]  # pd1 is about to read the window, and no TSO primary is there any more
    assert row.otherwise is not None
    assert ("restart", 1, "") in {(o.transition, o.lane, o.guard) for o in row.otherwise.possible}
    refused = {(o.transition, o.lane): o.guard for o in row.otherwise.refused}
    assert refused["refused_not_greater", 0] == "window does not grow"
    assert "find_own_key" not in {each.transition for each in row.otherwise.refused}, "it only comes later"
    assert not any(option.fault for option in row.otherwise.refused)


def test_the_state_at_each_step_is_told_twice_and_alike() -> None:
    """What the script replays from changes is what stands on the page without it."""
    for path in ALL:
        page = page_of(path)
        state = [dict(lane) for lane in page.first]
        for row in page.rows:
            for lane, changes in enumerate(row.step.changes):
                for change in changes:
                    state[lane][change.name] = change.after
            assert tuple(state) == row.state, row.step.number


@pytest.mark.parametrize("path", ALL, ids=lambda path: path.stem)
def test_structure(path: Path) -> None:
    run = loaded(path)
    page = pages.rendered(page_of(path))
    assert re.findall(r'<tr id="step(\d+)"', page) == [str(n) for n in range(1, len(run.moves) + 1)]
    links = set(re.findall(r'href="#([\w-]+)"', page))
    assert links <= set(re.findall(r'id="([\w-]+)"', page)), "every link leads somewhere"
    assert not re.search(r"(?:src|href)=\"(?!#)|url\(|@import|https?://", page), "nothing is loaded"
    assert re.search(r"Content-Security-Policy\" content=\"default-src &#39;none&#39;; style-src", page)
    assert " style=" not in page
    ids = re.findall(r' id="([\w-]+)"', page)
    assert len(ids) == len(set(ids))


def test_long_runs_are_told_without_alternatives() -> None:
    run = loaded(EXAMPLE)
    run = replace(run, kinds=(Kind.PD, Kind.TSO), moves=(Move("tick", 0, {"by": 1}),) * 301, breaks=None)
    page = run_page(run)
    assert all(row.otherwise is None and not row.state for row in page.rows)
    assert len(pages.of_run(run)) < 500_000


def test_a_run_that_only_explains_marks_what_its_steps_break() -> None:
    page = pages.of_run(replace(loaded(EXAMPLE), breaks=None))
    assert 'unique is broken in <a href="#step20">step 20</a>.' in page
    assert '<tr id="step20" class="step crucial"' in page
