"""Stepping through a system by hand: the session without a view, and the view by its keys."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from rich.console import Console
from textual.pilot import Pilot
from textual.widgets import OptionList, Static

from tsofence.checker.run import follow
from tsofence.specs import scenario
from tsofence.traces.runs import files
from tsofence.traces.runs.rerun import rerun
from tsofence.traces.stepping import screen
from tsofence.traces.stepping.app import Help, Stepping
from tsofence.traces.stepping.session import Choice, Session
from tsofence.traces.stepping.start import of_run, of_scenario

from ..worlds import TINY

WORLD = scenario.parse(TINY, "tiny", "tiny.toml")
RUNS = Path(__file__).parents[1] / "runs"
FOUND = RUNS / "rolling-upgrade.off.unique.json"


def session(fence: str = "off") -> Session:
    return Session(of_scenario(WORLD, fence))


def choice(of: Session, text: str) -> Choice:
    """The step that is told so."""
    (found,) = [each for each in of.choices() if screen.choice(of, each).plain.removeprefix("↪ ") == text]
    return found


def take(of: Session, *texts: str) -> tuple[str, ...]:
    broken: tuple[str, ...] = ()
    for text in texts:
        broken = of.take(choice(of, text))
    return broken


# --- the session -------------------------------------------------------------------------------------


def test_a_step_is_taken_and_what_it_changes_is_marked() -> None:
    of = session()
    step = choice(of, "pd1 wins the leader key")
    assert [(each.name, each.before, each.after) for each in of.changes(step)[0]] == [
        ("is", "follower", "leader"),
        ("lease", "none", "kept"),
    ]
    of.take(step)
    pd, tso, etcd = of.shown()
    assert (pd.values["is"], pd.changed, tso.changed) == (
        "leader",
        frozenset({"is", "lease"}),
        frozenset[str](),
    )
    assert (etcd.values["leader"], etcd.changed) == ("pd1", frozenset({"leader"}))
    assert of.limits() == {"pd.term": 0, "tso.term": 1}


def test_what_cannot_happen_has_the_guard_that_refuses_it() -> None:
    of = session()
    take(of, "pd1 wins the leader key")
    refused = {(each.lane, each.transition): each.guard for each in of.refused()}
    assert refused[0, "campaign"] == "not leader, not stopping"
    assert (0, "sync_load") not in refused
    possible = {(each.lane, each.text) for each in of.choices()}
    assert (0, "loads timestamp: none") in possible


def test_undo_keeps_the_way_and_another_one_beside_it() -> None:
    of = session()
    assert not of.undo()
    assert not of.redo()
    take(of, "pd1 wins the leader key", "pd1 loads timestamp: none")
    assert of.undo()
    assert of.undo()
    take(of, "time passes", "pd1 wins the leader key")
    assert of.undo()
    assert of.undo()
    tried = [screen.choice(of, each).plain for each in of.choices() if each.tried]
    assert tried == ["↪ pd1 wins the leader key", "↪ time passes"]
    assert of.redo()  # the way that was tried last
    assert of.time == "t+1"
    assert of.undo()
    take(of, "pd1 wins the leader key")  # the other one, and it goes on as it did
    assert of.redo()
    assert [move.transition for move in of.run().moves] == ["campaign", "sync_load"]


def test_what_is_saved_is_a_run_that_replay_takes(tmp_path: Path) -> None:
    of = session()
    take(of, "time passes", "pd1 wins the leader key", "pd1 loads timestamp: none")
    path = tmp_path / "mine.json"
    path.write_text(of.saved(), encoding="utf-8")
    run = files.load(path)
    assert [move.transition for move in run.moves] == ["tick", "campaign", "sync_load"]
    assert rerun(run, (), ()).fences[0].allows
    again = Session(of_run(run))
    assert again.redo()
    assert again.redo()
    assert again.redo()
    assert not again.redo()
    assert again.shown() == of.shown()


def test_a_run_is_stepped_through_and_what_it_breaks_is_said() -> None:
    run = files.load(FOUND)
    of = Session(of_run(run))
    while of.redo():
        pass
    assert of.place.state == [*follow(run)][-1].after
    assert "unique" in of.broken()
    assert of.run().breaks == "unique"
    assert of.run().moves == run.moves


def test_ahead_is_the_shortest_way_from_here() -> None:
    of = session()
    take(of, "time passes")
    found = of.look(of.sought("pd1.able_to_grant and tso1.leader"))
    assert found.moves is not None
    of.go(found.moves)
    assert len(found.moves) == 7
    pd, tso, _ = of.shown()
    assert (pd.values["is"], tso.values["is"]) == ("leader", "primary")
    assert of.look(of.sought("pd1.leader")).moves == ()


def test_ahead_says_what_is_not_there_and_what_it_did_not_look_at() -> None:
    of = session()
    cut = of.look(of.sought("leader == tso1"), most=50)
    assert (cut.moves, cut.all) == (None, False)
    assert of.look(of.sought("leader == tso1"), stop=lambda: True).moves is None
    take(of, "pd1 wins the leader key")
    with pytest.raises(ValueError, match="campaign is refused"):
        of.go([*of.run().moves])
    assert len(of.place.way) == 1


@pytest.mark.parametrize("width", [80, 120])
def test_the_whole_state_fits_the_terminal(width: int) -> None:
    of = Session(of_run(files.load(FOUND)))
    for _ in range(9):
        of.redo()
    told = io.StringIO()
    Console(file=told, width=width, color_system=None).print(screen.heading(of), screen.state(of), sep="\n")
    golden = RUNS.parent / "stepping" / f"state-{width}.txt"
    assert told.getvalue() == golden.read_text(encoding="utf-8")
    assert max(map(len, told.getvalue().splitlines())) <= width


# --- the view ----------------------------------------------------------------------------------------


def by_keys(
    what: Callable[[Stepping, Pilot[None]], Awaitable[None]],
    *,
    size: tuple[int, int] = (80, 24),
    folder: Path | None = None,
) -> Stepping:
    """The view after what somebody did with it."""
    app = Stepping(session(), folder=folder)

    async def go() -> None:
        async with app.run_test(size=size) as pilot:
            await pilot.pause()
            await what(app, pilot)

    asyncio.run(go())
    assert app.fault is None, app.fault
    return app


def lines(app: Stepping) -> list[str]:
    """What the list holds."""
    steps = app.query_one(OptionList)
    return [str(steps.get_option_at_index(index).prompt) for index in range(steps.option_count)]


def helps(app: Stepping) -> bool:
    return isinstance(app.screen, Help)


def said(app: Stepping) -> str:
    return str(app.query_one("#said", Static).content)


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
def test_steps_are_taken_and_undone_by_keys(size: tuple[int, int]) -> None:
    async def what(app: Stepping, pilot: Pilot[None]) -> None:
        assert lines(app)[0] == "pd1 wins the leader key"
        assert "pd1 is follower → leader" in str(app.query_one("#change", Static).content)
        await pilot.press("enter")
        assert "pd1 loads timestamp: none" in lines(app)
        await pilot.press("u")
        assert lines(app)[0] == "↪ pd1 wins the leader key"
        await pilot.press("r", "u", "u")
        assert said(app) == "this is where it begins"
        await pilot.press("x")
        assert any("needs: " in line for line in lines(app))
        await pilot.press("enter", "x")  # what is refused is not taken
        assert lines(app)[0] == "↪ pd1 wins the leader key"
        # all of it is on the screen
        for each in ("#head", "#now", "#steps", "Footer"):
            region = app.query_one(each).region
            assert region.height > 0, each
            assert region.bottom <= size[1], each

    assert len(by_keys(what, size=size).session.place.way) == 0


def test_a_state_is_found_and_the_way_there_saved(tmp_path: Path) -> None:
    async def what(app: Stepping, pilot: Pilot[None]) -> None:
        await pilot.press("slash", *"pd1.leadr", "enter")
        assert said(app).endswith("did you mean leader?")
        await pilot.press("escape", "slash", *"pd1.leader and tso1.serving", "enter")
        await app.workers.wait_for_complete()
        await pilot.pause()
        assert said(app) == "2 steps on: pd1.role == leader and tso1.serving; u goes back"
        await pilot.press("s", *"mine.json", "enter")
        assert said(app).startswith("run written: ")

    app = by_keys(what, folder=tmp_path)
    assert files.load(tmp_path / "mine.json").moves == app.session.run().moves


def test_a_file_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    async def what(app: Stepping, pilot: Pilot[None]) -> None:
        await pilot.press("s", *"no/such/mine.json", "enter")
        assert "no/such/mine.json" in said(app)

    by_keys(what, folder=tmp_path)


def test_the_keys_are_told_and_any_key_closes_that() -> None:
    async def what(app: Stepping, pilot: Pilot[None]) -> None:
        await pilot.press("question_mark")
        assert helps(app)
        await pilot.press("space")
        assert not helps(app)
        await pilot.press("question_mark", "escape")
        assert not helps(app)
        await pilot.press("q")

    by_keys(what)


def test_a_fault_of_the_view_is_handed_on() -> None:
    app = Stepping(session())

    async def go() -> None:
        async with app.run_test():
            app._handle_exception(RuntimeError("on purpose"))  # as the library does

    asyncio.run(go())
    assert str(app.fault) == "on purpose"
