"""When memories reached milliseconds, as the answers of clients show it."""

from collections import defaultdict
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tsofence.traces.clocks import reached as module
from tsofence.traces.clocks.reached import reached
from tsofence.traces.sources import spilling
from tsofence.traces.sources.calls import Calls
from tsofence.traces.sources.observation import Call

Asked = tuple[str, str]


def call(asked: Asked, start: int, physical: int, *, error: str | None = None, timed: bool = True) -> Call:
    file, client = asked
    of = (file, start, client, "tso", "u", None)
    return Call(*of, start, start + 3, physical, 1, 1, error, timed)


@st.composite
def several(draw: st.DrawFn) -> list[Call]:
    """By start, of two clients in two files."""
    asked = st.tuples(st.sampled_from("fg"), st.sampled_from("cd"))
    told = draw(st.lists(st.tuples(asked, st.integers(1, 9), st.integers(0, 9)), max_size=30))
    return [
        call(who, at * 10, physical, error="timeout" if what == 0 else None, timed=what != 1)
        for at, (who, physical, what) in enumerate(told, 1)
    ]


@given(several(), st.integers(1, 5))
def test_what_is_reached_is_what_answers_in_turn_show(calls: list[Call], chunk: int) -> None:
    firsts, steps = set(), defaultdict[tuple[str, int], set[object]](set)
    by_asker = defaultdict[Asked, list[Call]](list)
    for each in calls:
        if each.timed:
            by_asker[each.file, each.client].append(each)
    for (file, _), own in by_asker.items():
        got = [each for each in own if each.error is None]
        for first in got[:1]:
            failed = [each.start_ns for each in own if each.start_ns < first.start_ns]
            since = failed[-1] - 1_000_000_000 if failed else 0
            firsts.add((file, first.physical, (since, first.end_ns)))
        for one, other in pairwise(got):
            if other.physical > one.physical:
                steps[file, other.physical].add((one.start_ns, other.end_ns))
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(spilling, "CHUNK", chunk)
        found = [*reached(Calls.of(calls), ())]
    assert {(each.file, each.physical, each.span) for each in found if each.first} == firsts
    others = {(each.file, each.physical): each.span for each in found if not each.first}
    assert len(others) == sum(not each.first for each in found)
    assert others.keys() == steps.keys()
    assert all(span in steps[key] for key, span in others.items())


def test_of_long_files_the_same_milliseconds_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """However long each of them is; else they would show nothing of each other's clocks."""
    monkeypatch.setattr(module, "_MANY", 30)
    monkeypatch.setattr(spilling, "CHUNK", 100)
    long = {("f", "c"): 31 * 7, ("g", "d"): 31 * 31}
    calls = [call(asked, at, at) for asked, many in long.items() for at in range(many)]
    found = [*reached(Calls.of(sorted(calls, key=lambda each: each.start_ns)), {5})]
    kept = {file: {each.physical for each in found if each.file == file and not each.first} for file in "fg"}
    assert all(15 < len(of) <= 31 and 5 in of for of in kept.values())
    assert len(kept["f"] & kept["g"]) > 5
