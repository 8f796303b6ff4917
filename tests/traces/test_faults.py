"""Every kind of planted fault, over calls, etcd, logs, leases and clocks: who notices it, and who is accused.

A fault is noticed where the fence of the recording is refuted, where a property is violated that the clean
recording does not violate as often, or where what cannot be is said to be no input. One that only lines which
are missing would tell is noticed where nobody knows, and the note says why.
"""

import json
import random
from collections.abc import Callable, Hashable, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

from tsofence.traces.clocks.align import align
from tsofence.traces.explain import conformance
from tsofence.traces.explain.impossible import set_back
from tsofence.traces.explain.replay import Report, replay
from tsofence.traces.explain.search import LEAST_DETOURS, Node, Outcome, Search
from tsofence.traces.explain.seen import FOREVER, Granted
from tsofence.traces.explain.steps import World
from tsofence.traces.explain.timeline import timeline
from tsofence.traces.sources.observation import BadInput
from tsofence.traces.sources.reading import read

from .. import (  # noqa: F401  # their kinds are noted where they are imported
    planting_calls,
    planting_etcd,
    planting_files,
    planting_lines,
    planting_lost,
    planting_more,
    planting_shapes,
    planting_told,
    planting_wrong,
)
from ..amount import ALL, seeds, spread
from ..planting import KINDS, Kind, Recording, load, with_call
from .test_planted import BUILDS, RECORDINGS

_EXACT = ("key-monotone", "window", "unique", "real-time", "session")
SMALL = ("r85-transfer-small", "pr-intervals-differ", "pr-slow-load-small")
#: whose calls are many: what is planted into them is searched for a minute
SLOW = ("tso-failover",)
#: what is searched for a minute elsewhere
SLOW_THERE = (("a-smaller-timestamp", "pr-client-sync-small"),)
HEALTHY = sorted(name for name in KINDS if name.startswith("healthy-"))
VISIBLE = sorted(name for name, kind in KINDS.items() if kind.visible)


@cache
def whole(name: str, clients: bool) -> Recording:
    return load(RECORDINGS / name, clients=clients)


def judged(recording: Recording, name: str, folder: Path, *, clients: bool) -> Report | None:
    recording.write(folder)
    try:
        trace = read([folder])
    except BadInput:
        return None
    return replay(trace, [BUILDS[name]], properties=_EXACT if clients else ("key-monotone",))


@cache
def _clean_counts(name: str, clients: bool) -> dict[str, int]:
    trace = read([RECORDINGS / name])
    return {each.property: each.count for each in replay(trace, [], properties=_EXACT).properties}


def noticed(kind: Kind, name: str, report: Report | None) -> bool:
    if report is None or any(source.skipped or source.truncated for source in report.sources):
        return True
    (verdict,) = report.fences
    told = verdict.conforms is None or "after the watch's end" in verdict.note
    if verdict.conforms is False or (kind.doubted and told and verdict.note):
        return True
    counts = _clean_counts(name, kind.clients) if kind.clients else {}
    return any(
        each.verdict == "violated" and each.count > counts.get(each.property, 0) for each in report.properties
    )


def planted(name: str, kind: str, seed: int) -> Recording | None:
    clean = whole(name, KINDS[kind].clients)
    return KINDS[kind].plant(clean, random.Random(f"{name} {kind} {seed}"))


def tried(name: str, kind: str, seed: int, folder: Path) -> bool | None:
    """Whether the verdict on a fault is right; None where there is nothing to plant it into."""
    fault = planted(name, kind, seed)
    if fault is None:
        return None
    report = judged(fault, name, folder, clients=KINDS[kind].clients)
    if kind in HEALTHY:
        return report is not None and report.fences[0].conforms is not False
    return noticed(KINDS[kind], name, report)


def test_there_are_kinds_of_everything() -> None:
    assert len(KINDS) >= 210
    assert len(VISIBLE) >= 110


@pytest.mark.parametrize("kind", [kind for kind in VISIBLE if not KINDS[kind].clients])
def test_a_fault_is_noticed(kind: str, tmp_path: Path) -> None:
    """In the first small recording that has something to plant it into."""
    found = (tried(name, kind, 0, tmp_path / name) for name in SMALL)
    assert next((right for right in found if right is not None), True)


@pytest.mark.parametrize("kind", [kind for kind in VISIBLE if KINDS[kind].clients])
def test_a_fault_in_calls_is_noticed(kind: str, tmp_path: Path) -> None:
    assert tried("pr-intervals-differ", kind, 0, tmp_path) in (None, True)


@pytest.mark.parametrize(("kind", "name"), spread(HEALTHY, SMALL[:2], 2))
def test_what_is_healthy_is_not_accused(name: str, kind: str, tmp_path: Path) -> None:
    assert tried(name, kind, 0, tmp_path) in (None, True)


@pytest.mark.parametrize(
    ("kind", "seed"),
    [
        ("healthy-log-that-drifts", 2),
        ("healthy-log-that-drifts", 3),
        ("healthy-log-set-by-seconds", 3),
        ("healthy-recorder-that-stood-still", 2),
        ("healthy-receipt-too-early", 0),  # and yet after the receipt before it
    ],
)
def test_a_clock_that_no_one_offset_fits_accuses_nobody(kind: str, seed: int, tmp_path: Path) -> None:
    """Though few events tie it more closely to another: that of the server, which is set by an hour here."""
    clean = load(RECORDINGS / "clock-jump", clients=True)
    fault = KINDS[kind].plant(clean, random.Random(f"clock-jump {kind} {seed}"))
    assert fault is not None
    fault.write(tmp_path / "planted")
    (verdict,) = replay(read([tmp_path / "planted"]), ["off"], properties=["key-monotone"]).fences
    assert verdict.conforms is None
    assert "if clocks are as estimated" in verdict.note


@pytest.mark.parametrize(
    ("name", "kind", "seed"),
    [
        # a call of before the watch began, above what it shows but for one save
        ("clock-jump", "healthy-watch-from-a-revision-on", 0),
        # the last event is the first half of a transfer
        ("r85-transfer-small", "healthy-beginning-of-the-watch", 3),
    ],
)
def test_a_part_of_a_watch_accuses_nobody(name: str, kind: str, seed: int, tmp_path: Path) -> None:
    fault = KINDS[kind].plant(load(RECORDINGS / name, clients=True), random.Random(f"{name} {kind} {seed}"))
    assert fault is not None
    fault.write(tmp_path / "planted")
    (verdict,) = replay(read([tmp_path / "planted"]), [BUILDS[name]], properties=["key-monotone"]).fences
    assert verdict.conforms is True, verdict.note


def test_a_tso_server_that_lost_its_lease_syncs_before_it_serves_again(tmp_path: Path) -> None:
    """The term before ended without a line that says so."""
    assert tried("tso-failover", "ready-before-it-synced", 2, tmp_path)


def test_a_client_whose_clock_is_set_ahead_does_not_say_that_time_goes_back(tmp_path: Path) -> None:
    """Few events tie it, so that no offset tells: but an hour passes by its clock, and by no timestamp."""
    name, kind = "r85-transfer-small", "healthy-client-set-ahead"
    fault = KINDS[kind].plant(load(RECORDINGS / name, clients=True), random.Random(f"{name} {kind} 3"))
    assert fault is not None
    fault.write(tmp_path / "planted")
    report = replay(read([tmp_path / "planted"]), [BUILDS[name]], properties=["real-time"])
    assert [each.verdict for each in report.properties] == ["unknown"]
    assert any("more than timestamps: its clock was set" in note for note in report.notes)


def test_a_client_that_nothing_ties_to_one_that_is_apart_tells_nothing_of_when_it_asked(
    tmp_path: Path,
) -> None:
    """Both ask at addresses of one host, but its clocks say otherwise: calls are late, or not."""
    name, kind = "pr-slow-load-small", "healthy-hosts-apart"
    fault = KINDS[kind].plant(load(RECORDINGS / name, clients=True), random.Random(f"{name} {kind} 0"))
    assert fault is not None
    fault.write(tmp_path / "planted")
    (judgement,) = replay(read([tmp_path / "planted"]), [BUILDS[name]], properties=["real-time"]).properties
    assert judgement.verdict == "unknown"
    assert "as clocks are apart" in judgement.note


def quick(pairs: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """Those that are decided within a minute; all with `TSOFENCE_TRY=all`."""
    return [
        each
        for each in pairs
        if ALL or not (each in SLOW_THERE or (KINDS[each[0]].clients and each[1] in SLOW))
    ]


@pytest.mark.large
@pytest.mark.parametrize(("kind", "name"), spread(VISIBLE, tuple(BUILDS), len(BUILDS)))
def test_every_fault_is_noticed(kind: str, name: str, tmp_path: Path) -> None:
    """Each in one recording, others in others: the next one where there is nothing to plant it into."""
    at = tuple(BUILDS).index(name)
    names = [name] if ALL else [*tuple(BUILDS)[at:], *tuple(BUILDS)[:at]]
    for seed in seeds(range(3)):
        cells = quick([(kind, each) for each in names])
        found = (tried(each, kind, seed, tmp_path / each / str(seed)) for _, each in cells)
        assert next((right for right in found if right is not None), True), seed


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("an-exit-made-up", "master-transfer-small"),  # after it nothing is logged that is a step
        ("an-exit-made-up", "pd-failover"),
        ("a-step-down-made-up", "pd-failover"),
        ("a-start-made-up", "pd-failover"),
        ("a-deletion-made-up", "r85-transfer-small"),
        ("refused-for-another-reason", "upgrade-fenced-debug"),
        ("a-refusal-after-the-watch", "reset-ts"),
        ("a-reset-made-up", "reset-ts"),
        ("a-step-down-made-up", "reset-ts"),
        ("an-update-given-up-made-up", "reset-ts"),
        ("a-name-of-another-in-a-line-that-nothing-reads", "master-transfer-small"),
        ("a-transfer-from-another", "clock-jump"),
        ("a-primary-of-another-group", "tso-failover"),
        ("another-followed", "pd-failover"),
        ("another-followed", "tso-failover"),
        ("another-key-deleted-by-its-holder", "reset-ts"),
    ],
)
def test_what_the_rest_of_a_log_denies(kind: str, name: str, tmp_path: Path) -> None:
    assert tried(name, kind, 0, tmp_path) is True


@pytest.mark.parametrize(
    ("kind", "name", "seed", "back"),
    [
        ("healthy-receipt-in-milliseconds", "r85-transfer-small", 0, False),  # its size tells that
        ("healthy-receipt-too-early", "upgrade-unfenced", 3, True),
    ],
)
def test_a_receipt_that_others_show_to_be_wrong_tells_nothing(
    kind: str,
    name: str,
    seed: int,
    back: bool,
    tmp_path: Path,
) -> None:
    fault = planted(name, kind, seed)
    assert fault is not None
    report = judged(fault, name, tmp_path, clients=False)
    assert report is not None
    assert [(each.conforms, each.note) for each in report.fences] == [(True, "")]
    assert any("time goes back" in note for note in report.notes) is back


@pytest.mark.parametrize("kind", ["healthy-lines-in-another-order", "healthy-recorder-that-stood-still"])
def test_what_may_be_after_the_watch_refutes_nobody(kind: str, tmp_path: Path) -> None:
    """A window that is loaded after the last event, in a log in no order, or received late with all else."""
    name = "upgrade-fenced-flap"
    fault = planted(name, kind, 0)
    assert fault is not None
    fault.write(tmp_path)
    (verdict,) = replay(read([tmp_path]), ["check-tso-primary"], properties=["key-monotone"]).fences
    assert verdict.conforms is None, verdict.note


def test_a_recorder_that_one_event_ties_received_nothing_before_it_happened(tmp_path: Path) -> None:
    """Its receipts put too early by a few ms would be before what clients were answered."""
    name, kind = "upgrade-fenced-mixed", "healthy-recorder-ahead"
    fault = KINDS[kind].plant(whole(name, True), random.Random(f"{name} {kind} 0"))
    assert fault is not None
    fault.write(tmp_path)
    (verdict,) = replay(read([tmp_path]), ["check-tso-primary"], properties=["key-monotone"]).fences
    assert verdict.conforms is True, verdict.note


@pytest.mark.parametrize(
    ("name", "kind", "seed", "fence"),
    [
        (
            "upgrade-unfenced",
            "healthy-receipt-too-early",
            2,
            "off",
        ),  # the next save goes on above what was saved
        ("upgrade-fenced", "healthy-log-set-by-seconds", 1, "check-tso-primary"),
        ("upgrade-fenced", "healthy-log-that-drifts", 1, "check-tso-primary"),
    ],
)
def test_clocks_that_three_files_do_not_agree_on_refute_nobody(
    name: str, kind: str, seed: int, fence: str, tmp_path: Path
) -> None:
    fault = KINDS[kind].plant(whole(name, True), random.Random(f"{name} {kind} {seed}"))
    assert fault is not None
    fault.write(tmp_path)
    (verdict,) = replay(read([tmp_path]), [fence], properties=["key-monotone"]).fences
    assert verdict.conforms is None
    assert "if clocks are as estimated" in verdict.note


@pytest.mark.parametrize(
    ("name", "fence"), [("upgrade-fenced", "check-tso-primary"), ("pr8780", "dynamic-8780")]
)
def test_an_answer_after_the_memory_was_cleared_is_refused_beside_those_ahead_of_the_clock(
    name: str, fence: str, tmp_path: Path
) -> None:
    """What the server grants in its next term is ahead of its clock: a client's is not set for that."""
    kind = "an-answer-after-the-memory-was-cleared"
    fault = KINDS[kind].plant(whole(name, True), random.Random(f"{name} {kind} 0"))
    assert fault is not None
    fault.write(tmp_path)
    (verdict,) = replay(read([tmp_path]), [fence], properties=["key-monotone"]).fences
    assert verdict.conforms is False
    assert [each.guard for each in verdict.refused_by] == [
        "the server had cleared its memory, and goes on above what was saved before that"
    ]


def test_an_answer_above_every_window_is_refused_where_a_refusal_may_clear_the_memory(
    tmp_path: Path,
) -> None:
    """As it does in pull-8780, in one case of two; in the other it stays as it is."""
    fault = planted("pr8780", "a-grant-above-every-window", 0)
    assert fault is not None
    fault.write(tmp_path)
    (verdict,) = replay(read([tmp_path]), ["pull-8780"], properties=["key-monotone"]).fences
    assert (verdict.conforms, verdict.note) == (False, "the etcd events and logs and calls refute it")


def verdicts_of(name: str, kind: str, fence: str, folder: Path) -> dict[str, tuple[str, str]]:
    """Of properties that are judged on explanations, clients' samples and all."""
    fault = KINDS[kind].plant(whole(name, True), random.Random(f"{name} {kind} 0"))
    assert fault is not None
    fault.write(folder)
    found = replay(read([folder]), [fence], properties=["single-writer", "one-live"]).properties
    return {each.property: (each.verdict, each.note) for each in found}


@pytest.mark.parametrize(
    ("name", "kind", "fence"),
    [
        ("dynamic-switch-base", "healthy-warnings-only", "off"),  # in which mode is a PD of no such line?
        ("pr8780", "healthy-logs-of-some-minutes", "dynamic-8780"),
        ("dynamic-switch-base", "healthy-without-a-message", "off"),
    ],
)
def test_who_did_what_is_not_judged_where_nothing_explains_it(
    name: str, kind: str, fence: str, tmp_path: Path
) -> None:
    found = verdicts_of(name, kind, fence, tmp_path)
    assert {verdict for verdict, _ in found.values()} == {"unknown"}
    assert all("no fence explains the trace to its end" in note for _, note in found.values())


@pytest.mark.parametrize(
    ("name", "kind", "fence", "why"),
    [
        # both answered before the watch began
        ("upgrade-fenced-flap", "healthy-watch-from-a-revision-on", "check-tso-primary", "is not judged: "),
        # both saved, and answered, after its end
        (
            "upgrade-unfenced",
            "healthy-beginning-of-the-watch",
            "off",
            "the watch ends before a save that is told elsewhere",
        ),
    ],
)
def test_what_is_told_beyond_the_watch_is_not_said_to_hold(
    name: str, kind: str, fence: str, why: str, tmp_path: Path
) -> None:
    verdict, note = verdicts_of(name, kind, fence, tmp_path)["one-live"]
    assert verdict == "unknown"
    assert why in note


def test_a_save_that_the_watch_lacks_may_be_of_another_than_the_primary(tmp_path: Path) -> None:
    found = verdicts_of("upgrade-unfenced", "healthy-beginning-of-the-watch", "off", tmp_path)
    assert found["single-writer"][0] == "unknown"


def steps_of(
    name: str,
    kind: str | None,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    *,
    clients: bool,
    seed: int = 0,
) -> int:
    """How many observations all searches explain, detours included."""
    counted: list[int] = []
    run = Search.run

    def counting(self: Search, progress: Callable[[int, int], None] | None = None) -> Outcome:
        outcome = run(self, progress)
        counted.append(outcome.steps)
        return outcome

    with monkeypatch.context() as patch:
        patch.setattr(Search, "run", counting)
        recording = whole(name, clients)
        fault = planted(name, kind, seed) if kind else recording
        assert fault is not None
        assert judged(fault, name, folder, clients=clients) is not None
    return sum(counted)


def steps_of_both(
    name: str,
    kind: str,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    *,
    clients: bool = True,
    seed: int = 0,
) -> tuple[int, int]:
    """What a clean recording takes, and the same with a fault."""
    clean = steps_of(name, None, folder / "clean", monkeypatch, clients=clients)
    return clean, steps_of(name, kind, folder / "fault", monkeypatch, clients=clients, seed=seed)


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("a-start-removed", "upgrade-fenced-debug"),
        ("a-step-down-made-up", "upgrade-fenced-debug"),
        ("an-exit-made-up", "pd-failover"),
        ("another-value-saved", "upgrade-unfenced"),
        ("two-saves-exchanged", "upgrade-unfenced"),
        ("the-same-value-saved-again", "upgrade-unfenced"),
        ("a-deletion-made-up", "upgrade-unfenced"),
        ("an-answer-of-a-server-that-does-not-lead", "pd-failover"),
        ("healthy-receipt-in-milliseconds", "r85-transfer-small"),
    ],
)
def test_one_wrong_line_costs_little(
    kind: str, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """About three times what the clean recording does; what takes less than to read it does not count."""
    clients = KINDS[kind].clients
    clean, fault = steps_of_both(name, kind, tmp_path, monkeypatch, clients=clients)
    assert fault <= 3 * clean + 2 * LEAST_DETOURS


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("a-call-in-seconds", "r85-transfer-small"),
        ("a-smaller-timestamp", "upgrade-fenced-debug"),  # of a PD that may have passed it on
    ],
)
def test_an_answer_below_every_window_costs_little(
    kind: str, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clean, fault = steps_of_both(name, kind, tmp_path, monkeypatch, seed=21)
    assert fault <= 3 * clean + 2 * LEAST_DETOURS


@pytest.mark.parametrize("sent_on", [False, True])
def test_what_a_client_had_been_told_before_is_not_gone_back_from(sent_on: bool, tmp_path: Path) -> None:
    """Nor by the TSO server to which alone a PD in API mode can send calls on."""
    recording = whole("upgrade-fenced-debug", True)
    name, number = ("client-pd1-a.jsonl", 690) if sent_on else ("client-tso1-a.jsonl", 837)
    told = json.loads(recording.files[name][number])["physical"]
    found = {}
    for less in (0, 300):
        with_call(recording, name, number, physical=told - less).write(tmp_path)
        order = timeline(align(read([tmp_path])))
        (at,) = (
            at for at, one in enumerate(order.seen) if str(one.where) == f"{tmp_path / name}:{number + 1}"
        )
        world = World("check-tso-primary", order)
        found[less] = set_back(world, order, order.seen, at)
        # a save that may have come between may have set the memory back
        any_time = [one if one.stream else replace(one, earliest=0, latest=FOREVER) for one in order.seen]
        assert not set_back(world, order, any_time, at)
    assert found == {0: False, 300: True}


def test_what_was_granted_later_tells_of_an_answer_that_arrived_late(tmp_path: Path) -> None:
    """A memory is only moved on: what it told before was granted before, whenever that arrived."""
    fault = planted("pr-slow-load-small", "healthy-answers-that-arrive-late", 0)
    assert fault is not None
    fault.write(tmp_path)
    order = timeline(align(read([tmp_path])))
    calls = [one for one in order.seen if isinstance(one.what, Granted) and not one.what.sent_on]
    assert any(one.latest < one.what.call.end_ns for one in calls if isinstance(one.what, Granted))
    for stream in {one.stream for one in calls}:
        ends = [one.latest for one in calls if one.stream == stream]
        assert ends == sorted(ends)


@pytest.mark.large
def test_an_answer_that_is_gone_back_from_costs_little(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kind, name = "a-call-granted-twice", "upgrade-fenced-debug"
    clean, fault = steps_of_both(name, kind, tmp_path, monkeypatch)
    assert fault <= 3 * clean


def test_what_other_times_leave_open_is_not_searched_to_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is unknown, whatever lines that may be missing would explain."""
    kind, name = "healthy-client-ahead", "pr-intervals-differ"
    clean, fault = steps_of_both(name, kind, tmp_path, monkeypatch)
    assert fault <= 20 * clean


def test_where_lines_may_be_missing_few_explanations_are_enough(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each of the calls leaves many: when an admin's reset was, of which no line tells."""
    kind, name = KINDS["admin-resets-removed"], "reset-ts"
    monkeypatch.setitem(KINDS, kind.name, replace(kind, clients=True))
    clean, fault = steps_of_both(name, kind.name, tmp_path, monkeypatch)
    assert fault <= 5 * clean


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("admin-resets-removed", "reset-ts"),
        ("healthy-line-twice", "pr-slow-load-small"),
    ],
)
def test_where_there_is_an_explanation_any_is_found(
    kind: str, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of states that differ by the time alone only the earliest is gone on from."""
    asked: list[bool] = []
    first = Search._wide

    def both(self: Search, start: int, goal: int, known: dict[Hashable, int]) -> list[Node]:
        found = [*first(self, start, goal, known)]
        asked.append(bool(found))
        assert found or not any(True for _ in self._orders(start, goal, wide=True))
        return found

    monkeypatch.setattr(Search, "_wide", both)
    assert tried(name, kind, 7, tmp_path) is not False
    assert asked


@pytest.mark.large
def test_what_a_late_recorder_explains_is_not_accused(tmp_path: Path) -> None:
    """An event is received long after a log has told that its server had exited."""
    assert tried("pd-failover", "healthy-recorder-that-stood-still", 1, tmp_path) is True


@pytest.mark.large
@pytest.mark.parametrize(("kind", "name"), quick(spread(HEALTHY, tuple(BUILDS), 8)))
def test_nothing_healthy_is_accused(kind: str, name: str, tmp_path: Path) -> None:
    for seed in seeds(range(3)):
        assert tried(name, kind, seed, tmp_path / str(seed)) in (None, True), seed


def test_who_held_the_election_keys_tells_whose_saves_they_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A PD that leads beside a TSO primary, and whose saves the fence refuses, has nothing to answer from."""
    monkeypatch.setattr(conformance, "MAX_DETOURS", 2_000)
    name, kind = "upgrade-fenced-mixed", "an-answer-of-a-server-that-does-not-lead"
    fault = KINDS[kind].plant(whole(name, clients=True), random.Random(f"{name} {kind} 0"))
    assert fault is not None
    fault.write(tmp_path)
    (found,) = replay(read([tmp_path]), ["check-tso-primary"], properties=[]).fences
    assert found.conforms is False
    assert found.stopped_at is not None
    assert found.stopped_at.line == 836


def test_an_answer_before_the_save_that_it_needs_is_not_searched_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A TSO server that had ended, and is elected two seconds later, answers with what it saves then."""
    monkeypatch.setattr(conformance, "MAX_DETOURS", 2_000)
    fault = planted("pr8780", "an-answer-of-a-server-that-stopped", 0)
    assert fault is not None
    fault.write(tmp_path)
    (found,) = replay(read([tmp_path]), ["pull-8780"], properties=[]).fences
    assert found.stopped_at is not None
    assert "if clocks are as estimated" in found.note


@pytest.mark.parametrize("by_ms", [0, 100, 442])
def test_a_clock_that_must_have_jumped_is_told_of(tmp_path: Path, by_ms: int) -> None:
    """One update between two answers: above 150 ms, and three update intervals, a PD's log tells of it."""
    recording = whole("pd-failover", clients=True)
    file = next(name for name in recording.files if name.startswith("client-pd2"))
    told = list(enumerate(map(json.loads, recording.files[file])))
    number, call = [each for each in told if each[1]["physical"] == 1795417922908][-1]
    took_ns = call["end_unix_ns"] - call["start_unix_ns"]
    more = call | {
        "start_unix_ns": call["end_unix_ns"] + 1_000,
        "end_unix_ns": call["end_unix_ns"] + 1_000 + took_ns,
        "physical": call["physical"] + by_ms,
        "logical": call["logical"] + call["count"],
    }
    lines = [json.dumps(each).encode() + b"\n" for each in (call, more)]
    recording.changed(file, number, *lines).write(tmp_path)
    (found,) = replay(read([tmp_path]), ["check-tso-primary"], properties=[]).fences
    assert found.conforms is (None if by_ms == 442 else True)
    assert (by_ms == 442) is ("if lines are missing in the log of pd2" in found.note)
