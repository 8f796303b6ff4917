"""Each host has a clock of its own: what a recording tells however far one of them is off.

The table: recordings, the clocks that wrote them, and how far one of these is off. Every verdict is as
without that, or unknown, and then a clock is named: nothing healthy is accused, nothing that is
violated said to hold.
"""

import re
from collections.abc import Iterator
from dataclasses import replace
from io import StringIO
from itertools import product
from operator import attrgetter
from pathlib import Path

import pytest
from rich.console import Console

from tsofence.traces.clocks.align import align, on_one_clock
from tsofence.traces.clocks.datings import datings
from tsofence.traces.explain import conformance, search
from tsofence.traces.explain.impossible import set_back, unanswered
from tsofence.traces.explain.replay import Report, replay
from tsofence.traces.explain.seen import Granted
from tsofence.traces.explain.steps import World
from tsofence.traces.explain.timeline import timeline
from tsofence.traces.explain.windows import answers_from_saves
from tsofence.traces.judge.across import real_time
from tsofence.traces.judge.exact import judge
from tsofence.traces.questions.ask import ask
from tsofence.traces.sources.builds import recognise
from tsofence.traces.sources.calls import Calls
from tsofence.traces.sources.observation import Call, Key, LogEvent
from tsofence.traces.sources.offsets import ANYTHING, Clocks, Span, told
from tsofence.traces.sources.reading import read
from tsofence.traces.sources.settings import ServerStart
from tsofence.traces.sources.trace import Trace
from tsofence.traces.tell.replayed import replayed as shown_of

from ..amount import ALL
from ..recorded import recorded, replayed

SMALL = ("master-transfer-small", "r85-transfer-small", "pr-intervals-differ")
#: recordings, the build or fence that each is of, and whether a search takes long
FENCES = {
    "upgrade-unfenced": "off",
    "upgrade-fenced": "check-tso-primary",
    "upgrade-fenced-debug": "check-tso-primary",
    "upgrade-fenced-flap": "check-tso-primary",
    "upgrade-fenced-mixed": "check-tso-primary",
    "pd-failover": "check-tso-primary",
    "tso-failover": "check-tso-primary",
    "clock-jump": "check-tso-primary",
    "reset-ts": "check-tso-primary",
    "pr8780": "pull-8780",
    "dynamic-switch-base": "off",
    "pr-intervals-differ": "check-tso-primary",
    "pr-client-sync-small": "check-tso-primary",
    "pr-slow-load-small": "check-tso-primary",
    "master-transfer-small": "master-2026-08",
    "r85-transfer-small": "release-8.5",
}
SHIFTS_MS = (50, -50, 100, -100, 200, -200, 500, -500, 1_000, -1_000, 5_000, -5_000)
MS = 1_000_000
#: why a property is unknown, where a clock is why: calls may have moved beyond the watch with it
UNKNOWN_BY_A_CLOCK = re.compile(r"clock of|on a clock: |clocks are apart: |watch began, or after its end")
#: what no event tells, of clients that asked one host at 127.0.0.1, which has one clock
ON_ONE_HOST = {("master-transfer-small", "client-tso1-a", by_ms) for by_ms in (50, 100)}
#: a kind of clock, and which
Source = tuple[str, str]


def as_recorded(name: str) -> Report:
    return replayed(name, FENCES[name])


def clocks_of(trace: Trace) -> Iterator[Source]:
    yield from (("log", server) for server in dict.fromkeys(line.server for line in trace.logs))
    yield from (("client", file) for file in dict.fromkeys(call.file for call in trace.calls))
    yield "recorder", ""


def off_by(trace: Trace, source: Source, by_ns: int) -> Trace:
    """The trace as it would be if that clock had been ahead by so much."""
    kind, of = source
    if kind == "client":
        calls = [
            replace(call, start_ns=call.start_ns + by_ns, end_ns=call.end_ns + by_ns)
            if call.file == of
            else call
            for call in trace.calls
        ]
        return replace(trace, calls=Calls.of(sorted(calls, key=attrgetter("start_ns"))))
    if kind == "recorder":
        return replace(
            trace,
            keys=tuple(
                event if event.latest_ns is None else replace(event, latest_ns=event.latest_ns + by_ns)
                for event in trace.keys
            ),
        )
    files = {line.where.file for line in trace.logs if line.server == of}

    def later(lines: tuple[LogEvent, ...]) -> tuple[LogEvent, ...]:
        moved = [
            replace(line, at_ns=line.at_ns + by_ns) if line.where.file in files else line for line in lines
        ]
        return tuple(sorted(moved, key=attrgetter("at_ns")))

    def started(start: ServerStart) -> ServerStart:
        return replace(start, at_ns=start.at_ns + by_ns) if start.where.file in files else start

    return replace(
        trace,
        logs=later(trace.logs),
        starts=tuple(sorted(map(started, trace.starts), key=attrgetter("at_ns"))),
        stretches={
            of: [(begin + by_ns, end + by_ns) for begin, end in found] if of[1] in files else found
            for of, found in trace.stretches.items()
        },
        known_until={
            of: until + by_ns if of[1] in files else until for of, until in trace.known_until.items()
        },
    )


def wrong(name: str, source: Source, by_ms: int) -> list[str]:
    """What is said with that clock off that is neither right nor unknown because of a clock."""
    before, after = as_recorded(name), replay(off_by(recorded(name), source, by_ms * MS), [FENCES[name]])
    kinds = {"violated": "no", "holds": "yes", "vacuous": "yes", "unknown": "unknown"}
    pairs = {
        one.property: (kinds[one.verdict], kinds[other.verdict])
        for one, other in zip(before.properties, after.properties, strict=True)
    }
    words = {True: "yes", False: "no", None: "unknown"}
    pairs["conforms"] = words[before.fences[0].conforms], words[after.fences[0].conforms]
    named = any(re.match(r"clocks (are|may be) apart: ", note) for note in after.notes)
    told_ = {each.property for each in after.properties if UNKNOWN_BY_A_CLOCK.search(each.note)}
    return [
        f"{what}: {now}, was {was}"
        for what, (was, now) in pairs.items()
        if was != now
        and not (now == "unknown" and (named or what in told_))
        and not (was == "unknown" and now == "yes")
    ]


@pytest.mark.parametrize("name", SMALL)
def test_as_recorded_no_clock_is_apart(name: str) -> None:
    clocks = align(recorded(name)).clocks
    assert not clocks.doubtful()
    assert not clocks.between
    assert not clocks.back


@pytest.mark.parametrize("name", SMALL)
def test_a_clock_that_is_off_is_found(name: str) -> None:
    """As far as events tie it to others: it is moved back, or else it is not moved at all."""
    trace = recorded(name)
    tied = 0
    for source in clocks_of(trace):
        for by_ms in SHIFTS_MS:
            moved = align(off_by(trace, source, by_ms * MS)).clocks
            found = {(clock.kind, clock.of): clock.moved_ns / MS for clock in moved.clocks}
            assert all(not by for clock, by in found.items() if clock != source), (source, by_ms)
            assert not found[source] or abs(found[source] - by_ms) < 1_100, (source, by_ms)
            tied += abs(found[source] - by_ms) < 60
    assert tied >= 3 * len(SHIFTS_MS)


@pytest.mark.parametrize(
    ("kind", "of", "by_ms"),
    [
        ("log", "tso1", 100),
        ("log", "tso2", -1_000),
        ("client", "client-tso1-a.jsonl.gz", -100),
        ("client", "client-tso2-a.jsonl.gz", -5_000),
        ("client", "client-tso2-a.jsonl.gz", -100),  # which other clients leave open, and the watch does not
        ("recorder", "", 5_000),
    ],
)
def test_a_sample_of_the_table(kind: str, of: str, by_ms: int) -> None:
    source = next(each for each in clocks_of(recorded(SMALL[1])) if each[0] == kind and each[1].endswith(of))
    assert wrong(SMALL[1], source, by_ms) == []


def test_what_a_small_offset_leaves_open_is_not_refuted() -> None:
    """Where events do not exclude that clocks agree: what refutes must do so however far they are apart."""
    shifted = off_by(recorded(SMALL[1]), ("log", "tso1"), 50 * MS)
    report = replay(shifted, [FENCES[SMALL[1]]])
    assert report.fences[0].conforms is None
    assert "if clocks are as estimated" in report.fences[0].note
    assert not any(each.verdict == "violated" for each in report.properties)
    assert any(note.startswith("clocks may be apart: ") for note in report.notes)


@pytest.mark.parametrize("by_ms", [-500, -3_587, -5_000])
def test_a_clock_that_no_event_ties_blames_no_call(by_ms: int) -> None:
    trace = recorded("pr-slow-load-small")
    source = next(each for each in clocks_of(trace) if each[1].endswith("client-tso1-a.jsonl.gz"))
    (judgement,) = judge(align(off_by(trace, source, by_ms * MS)), ["window"])
    assert judgement.verdict == "unknown"
    assert "it depends on a clock: " in judgement.note
    assert "client-tso1-a.jsonl.gz" in judgement.note


@pytest.mark.parametrize("by", [3, 12, 5_000])
def test_what_answers_tell_of_a_client_s_clock_is_enough(by: int) -> None:
    """It conforms, however far the clock is off, and no answer is late for that."""
    trace = recorded("r85-transfer-small")
    source = next(each for each in clocks_of(trace) if each[1].endswith("client-tso1-a.jsonl.gz"))
    report = replay(off_by(trace, source, by * MS), ["release-8.5"])
    assert report.fences[0].conforms is True
    assert all(each.verdict != "violated" for each in report.properties)


@pytest.mark.parametrize("by", [-12, 3])
@pytest.mark.parametrize("client", ["client-tso1", "client-tso2", "client-pd1"])
def test_a_client_whose_clock_is_milliseconds_off_accuses_nobody(client: str, by: int) -> None:
    trace = recorded("tso-failover")
    source = next(each for each in clocks_of(trace) if Path(each[1]).name.startswith(client))
    report = replay(off_by(trace, source, by * MS), ["check-tso-primary"], properties=["real-time", "unique"])
    assert report.fences[0].conforms is True
    assert [each.verdict for each in report.properties] == ["unknown", "holds"]
    assert any(clock.files == (source[1],) and clock.moved_ns for clock in report.clocks.clocks)


@pytest.mark.parametrize("name", sorted(FENCES))
def test_no_clock_is_moved_by_a_little_that_agrees(name: str) -> None:
    assert not any(clock.moved_ns for clock in align(recorded(name)).clocks.clocks)


@pytest.mark.parametrize("name", ["tso-failover", "dynamic-switch-base"])
def test_events_without_receipts_are_in_time_by_later_ones(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What nothing tells of an event, those that come after it do: no long search is needed for that."""
    monkeypatch.setattr(conformance, "MAX_DETOURS", 5_000)
    trace = recorded(name)
    untimed = replace(trace, keys=tuple(replace(event, latest_ns=None) for event in trace.keys))
    assert replay(untimed, [FENCES[name]], properties=[]).fences[0].conforms is True


@pytest.mark.parametrize("known", [True, False])
def test_what_no_save_can_explain_is_not_searched(known: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """A call that begins after its server's memory was cleared: whatever came before, no run has it."""
    monkeypatch.setattr(conformance, "MAX_DETOURS", 1_000)
    if not known:
        monkeypatch.setattr(search, "unanswered", lambda *_: False)
    report = replay(off_by(recorded(SMALL[1]), ("log", "tso1"), -50 * MS), [FENCES[SMALL[1]]])
    assert report.fences[0].conforms is None
    assert ("a limit ended the search" in report.fences[0].note) is not known
    assert ("if clocks are as estimated" in report.fences[0].note) is known


def test_what_another_server_saved_does_not_tell_when_a_pd_went_on() -> None:
    """A PD answers by itself for a while when the TSO server has saved that does so next: no clock is off."""
    name = "pr8780"
    clients = [clock for clock in align(recorded(name)).clocks.clocks if clock.kind == "client"]
    assert all(clock.offset and clock.offset[0] <= 0 <= clock.offset[1] for clock in clients)
    (source,) = (each for each in clocks_of(recorded(name)) if "client-pd1-b" in each[1])
    assert wrong(name, source, -50) == []


def test_one_save_alone_may_have_been_slow() -> None:
    """That of the TSO server took 250 ms: what is told by it alone is no offset."""
    saves = {
        server: [span for event, span in events.items() if event[0] == "revision"]
        for (kind, server), events in datings(recorded("upgrade-fenced-debug")).items()
        if kind == "server"
    }
    ((one,), several) = saves["tso1"], saves["pd1"]
    assert one[1] - one[0] >= 1_000 * MS
    assert len(several) > 1
    assert all(high - low <= 20 * MS for low, high in several)


@pytest.mark.parametrize("name", FENCES)
def test_whatever_was_answered_has_a_save(name: str) -> None:
    order = timeline(align(recorded(name)))
    world = World(FENCES[name], order)
    calls = [at for at, one in enumerate(order.seen) if isinstance(one.what, Granted)]
    some_of_them = calls[:: max(1, len(calls) // 100)]
    assert not any(unanswered(world, order, order.seen, at) for at in some_of_them)
    assert not any(set_back(world, order, order.seen, at) for at in some_of_them)


def test_what_answers_without_a_memory_may_answer_anything() -> None:
    """Pull 8780 clears it where a save is refused, if that was an update's; or leaves it as it is."""
    order = timeline(align(recorded("pr8780")))
    worlds = [World("pull-8780", order, dropped) for dropped in ((), [("grant", "memory is set")])]
    asked = [{answers_from_saves(world, number) for number in world.servers} for world in worlds]
    assert asked == [{True}, {False}]


def test_terms_are_told_on_one_clock() -> None:
    trace = recorded(SMALL[1])
    server = "tso2"
    shifted = off_by(trace, ("log", server), 5_000 * MS)
    judged_ = [(each, align(each)) for each in (trace, shifted)]
    true, told_ = (ask(on_one_clock(each, of.clocks), (), recognise(each.versions)) for each, of in judged_)
    assert [term.server for term in told_.terms.terms] == [term.server for term in true.terms.terms]
    for one, other in zip(true.terms.terms, told_.terms.terms, strict=True):
        assert abs(one.first.at_ns - other.first.at_ns) < 200 * MS
    assert f"the log of {server} less " in told_.clocks
    assert f"the log of {server} less " not in true.clocks


def test_the_report_tells_offsets_and_how_many_events_do() -> None:
    shown = StringIO()
    console = Console(width=200, file=shown, color_system=None)
    console.print(shown_of(as_recorded(SMALL[1]), {}, details=True))
    (line,) = re.findall(r"the log of tso1 .*", shown.getvalue())
    assert re.search(r"-\d+ ms to \+\d+ ms +\d+ events", line)
    (clock,) = (each for each in as_recorded(SMALL[1]).clocks.clocks if each.of == "tso1")
    assert clock.events > 1


def stem(file: str) -> str:
    return Path(file).name.partition(".")[0]


def cells(name: str) -> list[tuple[Source, int]]:
    """One of each recording, each shift and each kind of clock in some; all with `TSOFENCE_TRY=all`."""
    sources, at = [*clocks_of(recorded(name))], [*FENCES].index(name)
    if ALL:
        every = product(sources, SHIFTS_MS)
        return [each for each in every if (name, stem(each[0][1]), each[1]) not in ON_ONE_HOST]
    back = at // (len(SHIFTS_MS) // 2) % 2  # ahead in six of them, behind in the next six
    return [
        (
            sources[(at + back * len(sources) // 2) % len(sources)],
            SHIFTS_MS[(2 * at + back) % len(SHIFTS_MS)],
        )
    ]


@pytest.mark.large
@pytest.mark.parametrize("name", FENCES)
def test_the_table(name: str) -> None:
    found = {(source, by_ms): wrong(name, source, by_ms) for source, by_ms in cells(name)}
    assert {cell: what for cell, what in found.items() if what} == {}


# --- real-time over several clocks ---------------------------------------------------------------


def call(file: str, start_ms: int, end_ms: int, physical: int) -> Call:
    return Call(file, start_ms, file, "tso", "", None, start_ms * MS, end_ms * MS, physical, 1, 1, None)


def judged(span: Span, *calls: Call) -> tuple[str, int]:
    """With how far file a is ahead of file b."""
    low, high = span
    clocks = Clocks(between={("a", "b"): span, ("b", "a"): (-high, -low)})
    trace = replace(
        recorded(SMALL[0]), calls=Calls.of(sorted(calls, key=attrgetter("start_ns"))), clocks=clocks
    )
    found = real_time(trace)
    assert (found.verdict == "unknown") == ("a against b" in found.note or "b against a" in found.note)
    return found.verdict, found.count


@pytest.mark.parametrize(
    ("span", "expected"),
    [
        ((0, 0), ("violated", 1)),
        ((-50 * MS, 50 * MS), ("violated", 1)),
        ((-150 * MS, 50 * MS), ("unknown", 1)),
        ((-900 * MS, -800 * MS), ("holds", 0)),
        (ANYTHING, ("unknown", 2)),
    ],
)
def test_calls_of_two_clocks(span: Span, expected: tuple[str, int]) -> None:
    """A call of file b starts 100 ms after one of a has ended, if their clocks agree, and gets less."""
    earlier, later = call("a", 1_000, 1_100, 20), call("b", 1_200, 1_300, 10)
    after = call("a", 2_000, 2_100, 30)
    assert judged(span, earlier, later, after)[0] == expected[0]
    if span != ANYTHING:
        assert judged(span, earlier, later, after)[1] == expected[1]


def test_calls_of_one_clock_need_no_offset() -> None:
    assert judged(ANYTHING, call("a", 1, 2, 20), call("a", 3, 4, 10))[0] == "violated"


@pytest.mark.parametrize(
    ("span", "text"),
    [
        ((0, 0), "0 ms"),
        ((-80 * MS, 120 * MS), "-80 ms to +120 ms"),
        (ANYTHING, "any offset"),
        ((5_000 * MS, ANYTHING[1]), "at least +5,000 ms"),
        ((ANYTHING[0], -1_000 * MS), "at most -1,000 ms"),
    ],
)
def test_an_offset_in_words(span: Span, text: str) -> None:
    assert told(span) == text


# --- time that goes back -------------------------------------------------------------------------


def test_time_that_goes_back_in_a_log_is_said() -> None:
    """A server's clock is set back by two seconds while it writes its log."""
    trace = recorded(SMALL[1])
    log = [line for line in trace.logs if line.server == "tso1"]
    since = log[len(log) // 2].where
    moved = tuple(
        replace(line, at_ns=line.at_ns - 2_000 * MS)
        if line.where.file == since.file and line.where.line >= since.line
        else line
        for line in trace.logs
    )
    (back,) = align(replace(trace, logs=moved)).clocks.back.values()
    assert back.startswith(f"{since}: time goes back by ")


def test_time_that_goes_back_in_samples_is_said() -> None:
    trace = recorded(SMALL[0])
    file = trace.calls[0].file
    of_file = [each for each in trace.calls if each.file == file]
    since = of_file[len(of_file) // 2].line
    moved = Calls.of(
        sorted(
            (
                replace(each, start_ns=each.start_ns - 3_000 * MS, end_ns=each.end_ns - 3_000 * MS)
                if each.file == file and each.line >= since
                else each
                for each in trace.calls
            ),
            key=attrgetter("start_ns"),
        )
    )
    found = align(replace(trace, calls=moved))
    assert [*found.clocks.back] == [file]
    for judgement in judge(found, ["real-time", "session"]):
        assert (judgement.verdict, judgement.note) == ("unknown", found.clocks.back[file])


def test_one_event_that_was_received_late_moves_no_clock() -> None:
    """Of a few that tie a client to the watch."""
    trace = read([Path(__file__).parents[1] / "live" / "recorded" / "r85-reset-beside-an-update"])
    late = 0
    for at, event in enumerate(trace.keys):
        if event.key is Key.TIMESTAMP and event.latest_ns is not None:
            keys = (
                *trace.keys[:at],
                replace(event, latest_ns=event.latest_ns + 100 * MS),
                *trace.keys[at + 1 :],
            )
            clocks = align(replace(trace, keys=keys)).clocks
            assert not clocks.doubtful()
            late += bool(clocks.unsure())
    assert late
