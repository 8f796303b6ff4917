"""Calls in files in whatever order: time goes back where a clock was set, and nowhere else.

The table: recordings, and ways in which their calls are written into one file. Nothing is said of a clock,
and verdicts are as of the files themselves. Then a clock is set among them: that is found in each way that
leaves a trace of it.
"""

import json
from collections.abc import Callable, Iterable
from dataclasses import replace
from itertools import chain, count, groupby
from operator import attrgetter
from pathlib import Path
from random import Random

import pytest

from tsofence.traces.clocks.align import align
from tsofence.traces.clocks.hosts import clocks_set
from tsofence.traces.judge.exact import judge
from tsofence.traces.sources import spilling
from tsofence.traces.sources.calls import Calls
from tsofence.traces.sources.observation import Call
from tsofence.traces.sources.reading import read
from tsofence.traces.sources.trace import Trace

from ..recorded import RECORDINGS, recorded

MS = 1_000_000
NAMES = (
    "master-transfer-small",
    "r85-transfer-small",
    "pr-intervals-differ",
    "pr-slow-load-small",
    "reset-ts",
)
PROPERTIES = ("window", "unique", "real-time", "session", "availability")


def by_file(calls: Iterable[Call]) -> list[list[Call]]:
    """The calls of each file, as they stand there."""
    ordered = sorted(calls, key=attrgetter("file", "line"))
    return [[*own] for _, own in groupby(ordered, key=attrgetter("file"))]


def blocks(calls: Iterable[Call]) -> list[Call]:
    """As several write who each have a buffer."""
    files = by_file(calls)
    pieces = (own[at : at + 40] for at in range(0, max(map(len, files)), 40) for own in files)
    return [*chain.from_iterable(pieces)]


def concatenated(calls: Iterable[Call]) -> list[Call]:
    return [*chain.from_iterable(by_file(calls))]


def turned(calls: Iterable[Call]) -> list[Call]:
    return [*chain.from_iterable(reversed(own) for own in by_file(calls))]


def shuffled(calls: Iterable[Call]) -> list[Call]:
    found = [*calls]
    Random(1).shuffle(found)
    return found


def by_start(calls: Iterable[Call]) -> list[Call]:
    """By start, where each hundredth took up to a second."""
    random = Random(2)
    ordered = sorted(calls, key=attrgetter("start_ns"))
    slow = [
        replace(call, end_ns=call.end_ns + random.randrange(1_000) * MS)
        if not random.randrange(100)
        else call
        for call in ordered
    ]
    return sorted(slow, key=attrgetter("start_ns"))


def by_end(calls: Iterable[Call]) -> list[Call]:
    return sorted(calls, key=attrgetter("end_ns"))


ORDERS: tuple[Callable[[Iterable[Call]], list[Call]], ...] = (
    concatenated,
    turned,
    blocks,
    shuffled,
    by_start,
    by_end,
)


def in_one_file(trace: Trace, calls: Iterable[Call]) -> Trace:
    """The trace with these calls, as the lines of one file."""
    lines = [replace(call, file="all.jsonl", line=line) for call, line in zip(calls, count(1), strict=False)]
    return replace(trace, calls=Calls.of(sorted(lines, key=attrgetter("start_ns"))))


def set_by(calls: Iterable[Call], at: int, by_ms: int) -> list[Call]:
    """The calls, where the clock is set before one of them."""
    return [
        replace(call, start_ns=call.start_ns + by_ms * MS, end_ns=call.end_ns + by_ms * MS)
        if index >= at
        else call
        for index, call in enumerate(calls)
    ]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("order", ORDERS, ids=lambda order: order.__name__)
def test_any_order_is_judged_as_the_files_are(
    name: str, order: Callable[[Iterable[Call]], list[Call]]
) -> None:
    trace = recorded(name)
    other = align(in_one_file(trace, order(trace.calls)))
    assert not other.clocks.back
    if order is not by_start:  # its calls took longer
        expected = [each.verdict for each in judge(align(trace), PROPERTIES)]
        assert [each.verdict for each in judge(other, PROPERTIES)] == expected


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("order", [concatenated, blocks, by_end], ids=lambda order: order.__name__)
def test_a_clock_set_back_is_found_in_any_of_them(
    name: str, order: Callable[[Iterable[Call]], list[Call]]
) -> None:
    """The clock of all who write one file, or of one whose file is put behind others."""
    trace = recorded(name)
    written = order(trace.calls)
    middle = len(written) // 2
    if order is not concatenated:
        assert clocks_set(in_one_file(trace, set_by(written, middle, -3_000)))
    files = by_file(trace.calls)
    longest = max(range(len(files)), key=lambda at: len(files[at]))
    files[longest] = set_by(files[longest], len(files[longest]) // 2, -3_000)
    assert clocks_set(in_one_file(trace, chain.from_iterable(files)))


def test_the_line_is_named() -> None:
    trace = recorded("pr-intervals-differ")
    own = max(by_file(trace.calls), key=len)
    at = len(own) // 2
    back = clocks_set(in_one_file(trace, set_by(own, at, -3_000)))
    assert back["all.jsonl"].startswith(f"all.jsonl:{at + 1}: time goes back by ")


def test_who_asks_for_a_moment_each_tell_together() -> None:
    """A connection each for two calls: none of them tells of the clock alone."""
    trace = recorded("pr-intervals-differ")
    own = [call for call in max(by_file(trace.calls), key=len) if call.error is None]
    each = [replace(call, client=f"connection {at // 2}") for at, call in enumerate(own)]
    assert not clocks_set(in_one_file(trace, each))
    assert clocks_set(in_one_file(trace, set_by(each, len(each) // 2, -2_000)))


def test_two_who_set_a_clock_all_the_time_are_found() -> None:
    """So often as lines in no order look alike, but timestamps go on."""
    trace = recorded("reset-ts")
    own = max(by_file(trace.calls), key=len)
    flaps = own
    for at in range(50, len(own) - 50, len(own) // 40):
        flaps = set_by(flaps, at, -1_000 if at // (len(own) // 40) % 2 else 1_000)
    assert clocks_set(in_one_file(trace, flaps))


def test_pieces_make_no_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    """Calls come in pieces, and who asks may have its calls in several of them."""
    monkeypatch.setattr(spilling, "CHUNK", 7)
    trace = recorded("r85-transfer-small")
    calls = concatenated(trace.calls)
    assert not clocks_set(in_one_file(trace, calls))
    own = max(by_file(calls), key=len)
    assert clocks_set(in_one_file(trace, set_by(own, len(own) // 2, -3_000)))


# --- which server, and who ------------------------------------------------------------------------------


def packed(trace: Trace, path: Path) -> Path:
    """The calls as 64-bit numbers, one client after the other: where each asked, and not who, nor how."""
    path.write_text(
        "".join(
            json.dumps(
                {"endpoint": call.endpoint, "start": call.start_ns, "end": call.end_ns, "tso": call.last}
            )
            + "\n"
            for call in concatenated(trace.calls)
            if call.error is None
        )
    )
    return path


def test_an_endpoint_that_etcd_or_a_log_names_tells_the_server(tmp_path: Path) -> None:
    folder = RECORDINGS / "pd-failover"
    beside = [path for path in folder.iterdir() if not path.name.startswith("client")]
    trace = read([*beside, packed(recorded("pd-failover"), tmp_path / "tso.jsonl")])
    kinds = {call.endpoint: call.kind for call in trace.calls}
    assert kinds == {call.endpoint: call.kind for call in recorded("pd-failover").calls}
    alone = read([tmp_path / "tso.jsonl"])
    assert {call.kind for call in alone.calls} == {"lib"}


def test_calls_to_several_servers_of_nobody_are_no_session(tmp_path: Path) -> None:
    """One of two servers goes on below what the other one granted: whether to one client is not told."""
    trace = read([packed(recorded("pr-slow-load-small"), tmp_path / "tso.jsonl")])
    real_time, session = judge(trace, ["real-time", "session"])
    assert (real_time.verdict, session.verdict) == ("violated", "unknown")
    assert "does not say which client asked" in session.note
    one = replace(trace, calls=Calls.of(replace(call, client="one") for call in trace.calls))
    assert judge(one, ["session"])[0].verdict == "violated"
