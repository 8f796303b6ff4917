"""How late and how far back a PD answers beside a TSO primary: runs that reach the bounds of docs/bounds.md.

That nothing goes beyond is proved for all settings (the page has the commands).  Here that bound, and the one
that is a unit less, judge the worst run, with each server's own settings, up to PD's figures.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from tsofence.checker.run import Move, Run, RunError, breaks
from tsofence.model.language.transition import Kind
from tsofence.model.variants import fences
from tsofence.model.variants.own import module
from tsofence.specs.properties import Property

BOUNDS = Path(__file__).parents[1] / "docs" / "bounds"
PROMPT = BOUNDS / "prompt.py"
ASKED = vars(module(str(PROMPT)))
GUARD = 1


def asked(name: str) -> Property:
    found = ASKED[name]
    assert isinstance(found, Property)
    return found


@pytest.fixture(autouse=True)
def _own() -> None:
    for name in ("prompt.py", "moderate.py"):
        fences.take(str(BOUNDS / name))


def run(moves: Iterator[Move], settings: Mapping[str, int], *, moderate: bool = True, skew: int = 0) -> Run:
    """A run of a PD, whose clock is ``skew`` behind, and a TSO server, whose clock is as much ahead."""
    constants = {
        "window": 3, "guard": GUARD, "unit": 1, "lease": 3, "limit": 2, "margin": 1, "skew_bound": skew,
        "max_reset": 2, "ahead": 6, "dynamic": 0, "registry": 0, "patience": 1, "lead": 0,
    }  # fmt: skip
    return Run(
        "made by hand",
        "check-tso-primary+prompt" + ("+moderate" if moderate else ""),
        (Kind.PD, Kind.TSO),
        ("pd1", "tso1"),
        {**constants, **settings},
        {("now", 0): 10_000, ("skew", 1): -skew, ("skew", 2): skew},
        tuple(moves),
    )


def take(steps: str) -> Iterator[Move]:
    """``commit2 notes2 grant1``: these steps of these servers; ``notes``: a grant that is remembered."""
    for step in steps.split():
        name, server = step[:-1], int(step[-1])
        note = int(name == "notes")
        given = {"count": 1, "note": note, "pick": 1} if name in ("notes", "grant") else {}
        yield Move("grant" if note else name, server, given)


def passes(by: int) -> Iterator[Move]:
    if by:
        yield Move("tick", 0, {"by": by})


PD_WINS = "campaign1 sync_load1 sync_begin1 find_own_key1 find_no_primary1 load_window1 commit1"
TSO_WINS = "campaign2 sync_load2 sync_begin2 find_own_key2 load_window2 commit2"
#: an update that is refused three times; the reset is still to come
GIVES_UP = "update_begin1 find_own_key1 refused_by_fence1 " * 3


def settings_of(*values: int) -> dict[str, int]:
    return dict(zip(("pd.window", "tso.window", "update_interval", "patience"), values, strict=True))


#: the settings of a PD before 8.5.2 and since, in ms, and small ones
FIGURES = [settings_of(5000, 3000, 50, 165), settings_of(3000, 3000, 50, 165)]
SMALL = [settings_of(*each) for each in product((2, 3, 4, 5), (2, 3, 5), (1, 2), (1, 3))]


def first(count: int, *of: Mapping[str, int]) -> list[Any]:
    """All of them, a few in every run of the tests."""
    return [
        pytest.param(each, marks=pytest.mark.large if n >= count else (), id=str(each))
        for n, each in enumerate(of)
    ]


def judged(made: Run, bound: str) -> None:
    """It reaches the bound, and does not break it."""
    assert not breaks(made, asked(bound))
    assert breaks(made, asked({"STOPS": "STOPS_SOONER"}.get(bound, f"{bound}_LESS")))


@pytest.mark.parametrize("settings", first(1, *FIGURES, *SMALL))
def test_how_far_back(settings: Mapping[str, int]) -> None:
    """The PD has just saved when the TSO server wins: W and the guard, or as far as an update may be late."""
    window, late = settings["pd.window"], settings["update_interval"] + GUARD + settings["patience"]

    def moves() -> Iterator[Move]:
        yield from take(f"{PD_WINS} campaign2")
        # where an update takes longer than the window, the primary starts from its clock
        yield from passes(late if window + GUARD < late else 0)
        yield from take(f"{TSO_WINS.removeprefix('campaign2 ')} notes2 grant1")

    judged(run(moves(), settings), "BACK")


@pytest.mark.parametrize("skew", [1, pytest.param(3, marks=pytest.mark.large)])
def test_how_far_back_where_clocks_differ(skew: int) -> None:
    """A PD whose clock is behind, and which is late, beside a TSO primary whose clock is ahead."""
    settings = {"window": 2, "patience": 2}

    def moves() -> Iterator[Move]:
        yield from take(PD_WINS)
        yield from passes(1 + GUARD + settings["patience"])
        yield from take(f"{TSO_WINS} notes2 grant1")

    judged(run(moves(), settings, skew=skew), "BACK")


@pytest.mark.parametrize("settings", first(1, settings_of(3, 4, 1, 1), *SMALL))
def test_how_far_back_where_clients_ask_for_all(settings: Mapping[str, int]) -> None:
    """And the TSO primary has been asked for all that its window holds."""
    window, late = settings["pd.window"], settings["update_interval"] + GUARD + settings["patience"]

    def moves() -> Iterator[Move]:
        yield from take(f"{PD_WINS} campaign2")
        yield from passes(late if window + GUARD < late else 0)
        yield from take(TSO_WINS.removeprefix("campaign2 "))
        for _ in range(settings["tso.window"] - GUARD - 1):
            yield from take("grant2 overflow2")
        yield from take("notes2 grant1")

    judged(run(moves(), settings, moderate=False), "FAR_BACK")


def until_the_end(settings: Mapping[str, int], physical: int, clock: int, saved: int) -> Iterator[Move]:
    """A PD that updates as late as it may until its window has no room, and then is refused."""
    late = settings["update_interval"] + GUARD + settings["patience"]
    last = saved - GUARD - 1
    while physical < last:
        # an update finds something to do once the clock is ahead by more than the guard
        then = last if last - physical <= late else min(physical + late, last - GUARD - 1)
        yield from passes(then - clock)
        yield from take("update_in_memory1")
        physical = clock = then
    yield from passes(settings["update_interval"] + GUARD)
    yield from take(GIVES_UP)
    yield from passes(settings["patience"])


#: where an update fits between the save and the last unit of the window
FITS = [each for each in SMALL if each["pd.window"] != GUARD + GUARD + 1]


@pytest.mark.parametrize("settings", first(1, *FIGURES, *FITS))
def test_how_long(settings: Mapping[str, int]) -> None:
    """The PD has just saved, the TSO server wins at once: W, an interval of updates and three tries later."""

    def moves() -> Iterator[Move]:
        yield from take(f"{PD_WINS} {TSO_WINS} notes2")
        yield from until_the_end(settings, 0, 0, settings["pd.window"])
        yield from take("grant1")

    judged(run(moves(), settings), "STOPS")


@pytest.mark.parametrize("often", [1, pytest.param(2, marks=pytest.mark.large)])
@pytest.mark.parametrize("settings", first(1, *FIGURES))
def test_how_long_after_a_restart(settings: Mapping[str, int], often: int) -> None:
    """A PD that was restarted within its window starts above it: a window longer; twice, two windows."""
    ahead = often * (settings["pd.window"] + GUARD)

    def moves() -> Iterator[Move]:
        yield from take(PD_WINS)
        for _ in range(often):
            yield from take(f"stop1 revoke1 restart1 raft_elects1 {PD_WINS}")
        yield from take(f"{TSO_WINS} notes2")
        yield from until_the_end(settings, ahead, 0, ahead + settings["pd.window"])
        yield from take("grant1")

    judged(run(moves(), {**settings, "lead": ahead}), "STOPS")
    with pytest.raises(RunError, match="the loaded window reaches no further ahead"):
        breaks(run(moves(), settings), asked("STOPS"))


def test_where_nobody_is_prompt_there_is_no_bound() -> None:
    def moves(by: int) -> Iterator[Move]:
        yield from take(f"{PD_WINS} {TSO_WINS} notes2")
        yield from passes(by)
        yield from take("grant1")

    with pytest.raises(RunError, match="tick is refused: no PD is overdue"):
        breaks(run(moves(100), {}), asked("STOPS"))
