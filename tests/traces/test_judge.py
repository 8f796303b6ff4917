"""The sweeps of `judge` against the definitions they stand for, written down as pairs of calls."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations, permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tsofence.traces.judge.exact import judge
from tsofence.traces.sources.calls import Calls
from tsofence.traces.sources.observation import Call, Key, KeyEvent, LogEvent, LogStep, Service, Where
from tsofence.traces.sources.settings import Setting, Settings
from tsofence.traces.sources.trace import Gap, Kind, Source, Trace, Unread

NOTHING = Setting(None, "not in the trace")
MS = 10**6


def trace(
    calls: Sequence[Call] = (),
    keys: Sequence[KeyEvent] = (),
    logs: Sequence[LogEvent] = (),
    sources: Sequence[Source] = (),
    gaps: Sequence[Gap] = (),
) -> Trace:
    return Trace(
        sources=tuple(sources),
        keys=tuple(keys),
        gaps=tuple(gaps),
        logs=tuple(logs),
        starts=(),
        calls=Calls.of(sorted(calls, key=lambda call: call.start_ns)),
        repeated=0,
        settings=Settings(NOTHING, NOTHING, NOTHING),
    )


def call(
    start: int,
    end: int,
    physical: int,
    logical: int = 1,
    count: int = 1,
    *,
    client: str = "c",
    worker: int | None = None,
    error: str | None = None,
    kind: str = "pd",
) -> Call:
    return Call("calls", 1, client, kind, "url", worker, start, end, physical, logical, count, error)


def save(
    revision: int, value: int, version: int | None, latest: int | None = None, put: bool = True
) -> KeyEvent:
    return KeyEvent(
        Where("etcd", revision),
        revision,
        Key.TIMESTAMP,
        "/pd/1/timestamp",
        put,
        timestamp_ns=value if put else None,
        version=version,
        latest_ns=latest,
    )


def source(kind: Kind, *, truncated: bool = False, skipped: int = 0) -> Source:
    return Source("file", kind, 1, 0, skipped, (), truncated)


@st.composite
def calls(draw: st.DrawFn) -> Call:
    start = draw(st.integers(0, 12))
    logical = draw(st.integers(0, 8))
    return call(
        start,
        start + draw(st.integers(0, 4)),
        draw(st.integers(1, 4)),
        logical,
        draw(st.integers(1, logical + 1)),
        client=draw(st.sampled_from("ab")),
        worker=draw(st.sampled_from([None, 1])),
        error=draw(st.sampled_from([None, None, None, "failed"])),
    )


def timestamps(call: Call) -> set[tuple[int, int]]:
    return {(call.physical, logical) for logical in range(call.logical - call.count + 1, call.logical + 1)}


@given(st.lists(calls(), max_size=14))
def test_unique_counts_the_pairs_that_share_a_timestamp(made: list[Call]) -> None:
    granted = [call for call in made if call.error is None]
    pairs = [(a, b) for a, b in combinations(granted, 2) if timestamps(a) & timestamps(b)]
    (judgement,) = judge(trace(made), ["unique"])

    assert judgement.count == len(pairs)
    assert judgement.verdict == ("violated" if pairs else "holds" if len(granted) > 1 else "vacuous")
    if pairs:
        assert judgement.witness is not None
        one, other = judgement.witness
        assert isinstance(one, Call)
        assert isinstance(other, Call)
        assert min(timestamps(one) & timestamps(other)) == min(
            min(timestamps(a) & timestamps(b)) for a, b in pairs
        )
        assert judgement.from_ns == min(call.start_ns for pair in pairs for call in pair)
        assert judgement.to_ns == max(call.end_ns for pair in pairs for call in pair)


@pytest.mark.parametrize("name", ["real-time", "session"])
@given(made=st.lists(calls(), max_size=14))
def test_order_counts_each_call_that_is_not_above_all_that_had_ended(name: str, made: list[Call]) -> None:
    granted = [call for call in made if call.error is None]
    ordered = [
        (a, b)
        for a, b in permutations(granted, 2)
        if a.end_ns < b.start_ns and (name == "real-time" or (a.client, a.worker) == (b.client, b.worker))
    ]
    broken = [(a, b) for a, b in ordered if min(timestamps(b)) <= max(timestamps(a))]
    late = {id(b): b for _, b in broken}
    (judgement,) = judge(trace(made), [name])

    assert judgement.count == len(late)
    assert judgement.verdict == ("violated" if broken else "holds" if ordered else "vacuous")
    if broken:
        assert judgement.witness is not None
        earlier, later = judgement.witness
        assert isinstance(earlier, Call)
        assert isinstance(later, Call)
        assert (earlier, later) in broken
        assert judgement.worst_ms == max(a.physical - b.physical for a, b in broken)
        assert judgement.worst_ms == earlier.physical - later.physical
        assert judgement.from_ns == min(b.start_ns for b in late.values())
        assert judgement.to_ns == max(b.end_ns for b in late.values())


def test_a_call_that_starts_as_another_ends_is_not_after_it() -> None:
    (touching, apart) = (
        judge(trace([call(0, 5, 9), call(start, 20, 3)]), ["real-time"])[0] for start in (5, 6)
    )
    assert (touching.verdict, apart.verdict) == ("vacuous", "violated")
    assert apart.worst_ms == 6


def test_ranges_that_touch_do_not_overlap() -> None:
    (judgement,) = judge(trace([call(0, 1, 7, 10, 10), call(0, 1, 7, 20, 10)]), ["unique"])
    assert judgement.verdict == "holds"


@pytest.mark.parametrize(
    "missing",
    [
        source(Kind.CLIENT, truncated=True),
        source(Kind.CLIENT, skipped=1),
        replace(source(Kind.IGNORED), unread=Unread.CALLS),
        replace(source(Kind.IGNORED, truncated=True), unread=Unread.ANYTHING),
    ],
)
def test_calls_that_could_not_be_read_leave_no_holds(missing: Source) -> None:
    good = [call(0, 1, 5), call(2, 3, 6)]
    for judgement in judge(trace(good, sources=[missing]), ["unique", "real-time", "session"]):
        assert judgement.verdict == "unknown"
        assert "file" in judgement.note
    for judgement in judge(trace([*good, call(4, 5, 6)], sources=[missing]), ["unique", "real-time"]):
        assert (judgement.verdict, judgement.count) == ("violated", 1)
        assert "more" in judgement.note
    assert judge(trace(sources=[missing]), ["unique"])[0].verdict == "unknown"


def test_a_damaged_log_says_nothing_about_calls() -> None:
    good = [call(0, 1, 5), call(2, 3, 6)]
    (judgement,) = judge(trace(good, sources=[source(Kind.PD_LOG, truncated=True)]), ["unique"])
    assert judgement.verdict == "holds"


def test_an_unknown_property_is_a_key_error() -> None:
    with pytest.raises(KeyError):
        judge(trace(), ["one-live"])


def test_progress_is_told_each_property() -> None:
    told: list[str] = []
    judge(trace(), ["unique", "window"], told.append)
    assert told == ["unique", "window"]


@given(st.lists(st.one_of(st.none(), st.integers(1, 9)), max_size=10))
def test_key_monotone_counts_writes_below_the_highest_and_deletions(values: list[int | None]) -> None:
    saves, version, top, expected, deleted_twice = [], 0, 0, 0, False
    for revision, value in enumerate(values, start=2):
        deleted_twice = deleted_twice or (value is None and version == 0)
        version = 0 if value is None else version + 1
        saves.append(save(revision, (value or 0) * MS, version, put=value is not None))
        expected += (value or 0) < top
        top = max(top, value or 0)
    (judgement,) = judge(trace(keys=saves, sources=[source(Kind.WATCH)]), ["key-monotone"])

    assert judgement.count == expected
    if expected:
        assert judgement.verdict == "violated"
    else:
        assert judgement.verdict == ("holds" if len(saves) > 1 else "vacuous")


def test_key_monotone_needs_every_write_in_between() -> None:
    broken = [save(2, 1, 1), save(9, 5, 3)]
    late = [save(7, 1, 4), save(9, 5, 5)]
    whole = [source(Kind.WATCH)]

    assert judge(trace(keys=broken, sources=whole), ["key-monotone"])[0].verdict == "unknown"
    (judgement,) = judge(trace(keys=late, sources=whole), ["key-monotone"])
    assert (judgement.verdict, judgement.note) == ("holds", "from revision 7 on")
    for damaged in (
        trace(keys=late, sources=[source(Kind.WATCH, truncated=True)]),
        trace(keys=late, sources=whole, gaps=[Gap(10, 12)]),
    ):
        assert judge(damaged, ["key-monotone"])[0].verdict == "unknown"
    back = [*broken, save(10, 4, 4)]
    assert judge(trace(keys=back, sources=whole), ["key-monotone"])[0].verdict == "violated"


@given(
    st.lists(st.tuples(st.integers(1, 9), st.one_of(st.none(), st.integers(0, 20))), max_size=6),
    st.lists(calls(), max_size=8),
)
def test_window_is_certain_only_of_saves_received_before_the_answer(
    written: list[tuple[int, int | None]], made: list[Call]
) -> None:
    saves = [save(n, value * MS + 500, n - 1, latest) for n, (value, latest) in enumerate(written, start=2)]
    granted = [call for call in made if call.error is None]
    undecided = [
        call
        for call in granted
        if not any(
            (event.timestamp_ns or 0) > call.physical * MS
            and any(later.latest_ns is not None and later.latest_ns <= call.end_ns for later in saves[index:])
            for index, event in enumerate(saves)
        )
    ]
    (judgement,) = judge(trace(made, saves), ["window"])

    assert judgement.verdict == ("vacuous" if not granted else "unknown" if undecided else "holds")
    assert judgement.count == len(undecided)


def test_a_save_that_a_log_tells_of_was_made_by_then() -> None:
    """Nobody received the events: the recorder asked again when they were old."""
    leader = KeyEvent(Where("etcd", 3), 3, Key.LEADER, "/pd/1/leader", True, name="pd1")
    keys = [save(2, 9 * MS + 5, 1), leader, save(4, 20 * MS, 2)]
    answered = call(100, 3 * MS, 8)

    line = LogEvent(Where("log", 1), "pd1", Service.PD, MS, LogStep.SYNC_SAVED, save_ns=9 * MS)
    won = replace(line, step=LogStep.ELECTED, save_ns=None, revision=3)
    for told in (line, replace(line, step=LogStep.WINDOW_LOADED, save_ns=None, last_ns=9 * MS), won):
        assert judge(trace([answered], keys, [told]), ["window"])[0].verdict == "holds"
    for nothing in (
        replace(line, at_ns=3 * MS),  # perhaps after the answer
        replace(line, save_ns=10 * MS),  # no such save
        replace(line, step=LogStep.SAVE_ATTEMPT),
        replace(won, server="pd2"),
        replace(won, revision=4),
    ):
        assert judge(trace([answered], keys, [nothing]), ["window"])[0].verdict == "unknown"


def election(start: int, revision: int) -> list[LogEvent]:
    where = Where("log", 1)
    return [
        LogEvent(where, "pd1", Service.PD, start, LogStep.CAMPAIGN_START),
        LogEvent(where, "pd1", Service.PD, start + MS, LogStep.ELECTED, revision=revision),
    ]


def test_window_is_violated_when_an_election_bounds_the_saves_that_can_count() -> None:
    saves = [save(2, 5 * MS, 1, 10), save(4, 9 * MS, 2, 9 * MS)]
    leader = KeyEvent(Where("etcd", 3), 3, Key.LEADER, "/pd/1/leader", True, name="pd1")
    keys = [saves[0], leader, saves[1]]
    beyond = call(100, 200, 7)

    (judgement,) = judge(trace([beyond], keys, election(300, 3)), ["window"])
    assert (judgement.verdict, judgement.count, judgement.worst_ms) == ("violated", 1, 2)
    assert judgement.witness == (saves[0], beyond)

    for undecided in (
        trace([beyond], keys),  # nothing says that the second save came after the call
        trace([beyond], keys, election(200, 3)),  # nor that the campaign began after it
        trace([beyond], keys, election(300, 5)),  # nor is the election's revision reached
        trace([beyond], [leader, saves[1]], election(300, 3)),  # there were saves before
        trace([beyond], keys, election(300, 3), gaps=[Gap(3, 3)]),
    ):
        assert judge(undecided, ["window"])[0].verdict == "unknown"


# --- availability ------------------------------------------------------------------------------------

SECOND = 10**9


def asks(start: int, end: int, *, error: str | None = None, client: str = "lib", worker: int = 0) -> Call:
    """A library client's call, in seconds."""
    physical = 0 if error else 100 + end
    return call(start * SECOND, end * SECOND, physical, client=client, worker=worker, error=error, kind="lib")


def tso(*seconds: int) -> list[Call]:
    """The answers of a TSO server to those that ask it."""
    return [call(at * SECOND - MS, at * SECOND, 100 + at, client="raw", kind="tso") for at in seconds]


SERVED = tso(*range(60))


@pytest.mark.parametrize(
    ("calls", "verdict", "worst_s"),
    [
        ([asks(0, 1), asks(2, 4, error="no"), asks(4, 13)], "violated", 11),
        ([asks(0, 1), asks(2, 13)], "violated", 11),
        ([asks(0, 1), asks(2, 12)], "holds", None),
        ([asks(0, 1), asks(30, 31)], "holds", None),  # it did not ask
        ([asks(0, 1), asks(2, 4, error="no"), asks(20, 31, error="no")], "violated", 29),  # to its end
        ([asks(2, 4, error="no"), asks(4, 14)], "violated", 12),  # from its beginning
        ([asks(0, 1), asks(1, 20, worker=1), asks(2, 3), asks(4, 5), asks(12, 13)], "holds", None),
        ([asks(0, 1), asks(2, 20), asks(0, 20, client="other")], "violated", 20),
    ],
)
def test_availability(calls: list[Call], verdict: str, worst_s: int | None) -> None:
    (judgement,) = judge(trace([*SERVED, *calls]), ["availability"])
    assert judgement.verdict == verdict
    assert judgement.worst_ms == (None if worst_s is None else worst_s * 1000)
    if judgement.from_ns is not None:
        assert judgement.to_ns == judgement.from_ns + (worst_s or 0) * SECOND


def test_availability_counts_while_a_tso_server_serves() -> None:
    waits = [asks(0, 1), asks(2, 40)]
    (paused,) = judge(trace([*tso(*range(10), *range(15, 40)), *waits]), ["availability"])
    assert (paused.verdict, paused.count, paused.worst_ms) == ("violated", 1, 24_000)
    (twice,) = judge(trace([*tso(*range(14), *range(20, 40)), *waits]), ["availability"])
    assert (twice.count, twice.worst_ms) == (2, 19_000)
    (nowhere,) = judge(trace([*tso(*range(0, 40, 2)), *waits]), ["availability"])
    assert nowhere.verdict == "holds"


def test_availability_needs_a_library_client_and_a_tso_server() -> None:
    assert judge(trace(SERVED), ["availability"])[0].verdict == "vacuous"
    assert judge(trace([asks(0, 1), asks(2, 40)]), ["availability"])[0].verdict == "vacuous"
    cut = [source(Kind.CLIENT, truncated=True)]
    assert judge(trace(SERVED, sources=cut), ["availability"])[0].verdict == "unknown"
    assert judge(trace([*SERVED, asks(0, 1)], sources=cut), ["availability"])[0].verdict == "unknown"
    (violated,) = judge(trace([*SERVED, asks(0, 20)], sources=cut), ["availability"])
    assert (violated.verdict, "there may be more" in violated.note) == ("violated", True)
