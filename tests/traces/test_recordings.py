"""What real PD builds did, judged: the figures that an independent script found in the same files."""

import gzip
import json
from pathlib import Path

import pytest

from tsofence.traces.judge.exact import PROPERTIES, judge
from tsofence.traces.sources.observation import (
    Attempt,
    BadInput,
    Call,
    Key,
    KeyEvent,
    LogStep,
    Refusal,
    Service,
)
from tsofence.traces.sources.reading import read
from tsofence.traces.sources.trace import Kind, Trace

RECORDINGS = Path(__file__).parents[1] / "recordings"
FOLDERS = ("upgrade-unfenced", "upgrade-fenced", "pd-failover")


@pytest.fixture(scope="module")
def traces() -> dict[str, Trace]:
    return {name: read([RECORDINGS / name]) for name in FOLDERS}


@pytest.fixture(scope="module")
def analyses() -> dict[str, dict[str, object]]:
    return {
        name: json.loads(gzip.decompress((RECORDINGS / name / "meta.json.gz").read_bytes()))["analysis"]
        for name in FOLDERS
    }


def primary_was_put(trace: Trace) -> int:
    event = next(event for event in trace.keys if event.key is Key.PRIMARY and event.put)
    assert event.latest_ns is not None
    return event.latest_ns


@pytest.mark.parametrize("name", FOLDERS)
def test_counts_agree_with_the_independent_analysis(
    name: str, traces: dict[str, Trace], analyses: dict[str, dict[str, object]]
) -> None:
    trace, analysis = traces[name], analyses[name]
    verdicts = {judgement.property: judgement for judgement in judge(trace)}

    assert set(verdicts) == set(PROPERTIES)
    assert sum(call.error is None for call in trace.calls) == analysis["samples_ok"]
    assert sum(call.error is not None for call in trace.calls) == analysis["errors"]
    assert verdicts["unique"].count == analysis["duplicate_pairs"]
    assert verdicts["real-time"].count == analysis["regressions"]
    assert verdicts["session"].verdict == "holds"
    assert verdicts["key-monotone"].verdict == "holds"
    assert all(source.whole for source in trace.sources)
    assert not trace.gaps
    assert not trace.repeated


@pytest.mark.parametrize(
    ("name", "pairs", "calls", "worst_ms", "undecided"),
    [
        ("upgrade-unfenced", 39, 5008, 1552, 3),
        ("upgrade-fenced", 0, 647, 1700, 0),
        ("pd-failover", 0, 0, None, 0),
    ],
)
def test_figures(
    name: str, pairs: int, calls: int, worst_ms: int | None, undecided: int, *, traces: dict[str, Trace]
) -> None:
    unique, real_time, window = judge(traces[name], ["unique", "real-time", "window"])

    assert (unique.verdict, unique.count) == ("violated" if pairs else "holds", pairs)
    assert (real_time.verdict, real_time.count) == ("violated" if calls else "holds", calls)
    assert real_time.worst_ms == worst_ms
    assert (window.verdict, window.count) == ("unknown" if undecided else "holds", undecided)


def test_the_witness_of_unique_are_two_servers_granting_one_timestamp(traces: dict[str, Trace]) -> None:
    (judgement,) = judge(traces["upgrade-unfenced"], ["unique"])

    assert judgement.witness is not None
    one, other = judgement.witness
    assert isinstance(one, Call)
    assert isinstance(other, Call)
    assert one.first <= other.last
    assert other.first <= one.last
    assert {one.kind, other.kind} in ({"pd", "tso"}, {"lib", "tso"})


def test_the_witness_of_real_time_steps_back_from_the_tso_server_to_the_pd(traces: dict[str, Trace]) -> None:
    (judgement,) = judge(traces["upgrade-fenced"], ["real-time"])

    assert judgement.witness is not None
    earlier, later = judgement.witness
    assert isinstance(earlier, Call)
    assert isinstance(later, Call)
    assert (earlier.endpoint, later.endpoint) == ("http://127.0.0.1:13379", "http://127.0.0.1:12379")
    assert earlier.end_ns < later.start_ns
    assert (earlier.physical, later.physical) == (1795417768484, 1795417766784)
    assert judgement.from_ns is not None
    assert judgement.to_ns is not None
    assert 0 < judgement.from_ns - primary_was_put(traces["upgrade-fenced"]) < 2_000_000_000


def test_refused_saves_are_counted_once_each(traces: dict[str, Trace]) -> None:
    def refused(name: str) -> list[tuple[Attempt | None, Refusal | None, int | None]]:
        return [
            (event.attempt, event.refusal, event.retry)
            for event in traces[name].logs
            if event.step is LogStep.SAVE_REFUSED
        ]

    fenced = refused("upgrade-fenced")
    assert fenced[:3] == [(Attempt.UPDATE, Refusal.FENCE, retry) for retry in range(3)]
    assert fenced[3:] == [(Attempt.SYNC, Refusal.FENCE, None)] * 179
    assert refused("upgrade-unfenced") == [(Attempt.UPDATE, Refusal.NOT_GREATER, 0)]
    assert refused("pd-failover") == []


@pytest.mark.parametrize("name", FOLDERS)
def test_settings_come_from_the_configuration_dumps(name: str, traces: dict[str, Trace]) -> None:
    trace = traces[name]
    found = trace.settings

    assert (found.save_interval_ns, found.update_interval_ns, found.lease_s) == (3 * 10**9, 50 * 10**6, 3)
    assert found.save_interval.source.endswith(".log.gz:10")
    assert {(start.service, start.api_mode) for start in trace.starts} <= {
        (Service.PD, False),
        (Service.TSO, None),
    }


def test_without_logs_the_save_interval_is_inferred_and_the_rest_is_as_given() -> None:
    trace = read([RECORDINGS / "upgrade-fenced" / "etcd.jsonl.gz"], given={"lease_s": 5})

    assert trace.settings.save_interval_ns == 3 * 10**9
    assert trace.settings.save_interval.source.startswith("inferred from")
    assert (trace.settings.lease.value, trace.settings.lease.source) == (5, "given")
    assert (trace.settings.update_interval.value, trace.settings.update_interval.source) == (
        None,
        "not in the trace",
    )


def test_servers_have_one_name_in_etcd_and_in_the_logs(traces: dict[str, Trace]) -> None:
    for trace in traces.values():
        named = {event.server for event in trace.keys if event.key in (Key.LEADER, Key.PRIMARY) and event.put}
        logged = {event.server for event in trace.logs}
        elected = {event.server for event in trace.logs if event.step is LogStep.ELECTED}
        assert named == elected <= logged
    assert {event.server for event in traces["upgrade-fenced"].logs} == {"pd1", "tso1"}


def test_every_election_in_a_log_is_a_write_of_that_key_by_that_server(traces: dict[str, Trace]) -> None:
    for trace in traces.values():
        held = {
            (event.revision, event.server)
            for event in trace.keys
            if event.key in (Key.LEADER, Key.PRIMARY) and event.put
        }
        elections = [event for event in trace.logs if event.step is LogStep.ELECTED]
        assert elections
        assert {(event.revision, event.server) for event in elections} <= held


def test_a_synced_window_in_a_log_is_a_save_in_etcd(traces: dict[str, Trace]) -> None:
    for trace in traces.values():
        saved_ms = {event.timestamp_ns // 10**6 for event in trace.keys if event.timestamp_ns is not None}
        synced = [event.save_ns for event in trace.logs if event.step is LogStep.SYNC_SAVED]
        assert synced
        assert {save // 10**6 for save in synced if save is not None} <= saved_ms


def test_the_two_watch_files_are_one_stream() -> None:
    folder = RECORDINGS / "pd-failover"
    both = read([folder / "etcd.jsonl.gz", folder / "etcd-recv.jsonl.gz"])
    received = read([folder / "etcd-recv.jsonl.gz"])
    plain = read([folder / "etcd.jsonl.gz"])

    assert len(both.keys) == len(plain.keys) == len(received.keys) + 1
    assert [event.revision for event in both.keys] == sorted(event.revision for event in both.keys)
    assert both.keys[-1].latest_ns is None
    assert all(event.latest_ns is not None for event in both.keys[:-1])
    assert all(event.latest_ns is None for event in plain.keys)


def test_the_gateway_streams() -> None:
    folder = RECORDINGS / "etcd-gateway"
    watch = read([folder / "watch.jsonl.gz"])
    deleted = read([folder / "watch-delete-sample.jsonl.gz"])

    assert [source.kind for source in watch.sources] == [Kind.WATCH_GATEWAY]
    assert not watch.gaps
    assert not deleted.gaps
    assert {event.key for event in deleted.keys} == {Key.LEADER, Key.TIMESTAMP}
    gone = [event for event in deleted.keys if not event.put]
    assert gone
    assert all(event.lease is None and event.timestamp_ns is None for event in gone)
    (leader, *_) = [event for event in watch.keys if event.key is Key.LEADER and event.put]
    assert isinstance(leader, KeyEvent)
    assert leader.server in {"pd1", "pd2", "pd3"}
    assert leader.lease is not None
    assert leader.lease > 1 << 53


def test_recordings_of_two_clusters_are_refused() -> None:
    folder = RECORDINGS / "etcd-gateway"
    with pytest.raises(BadInput, match="one cluster") as refused:
        read([folder])
    assert refused.value.file.endswith("watch.jsonl.gz")
    assert "\n" not in str(refused.value)


def test_files_that_are_no_recordings_are_listed_as_ignored(traces: dict[str, Trace]) -> None:
    (meta,) = [source for source in traces["pd-failover"].sources if source.file.endswith("meta.json.gz")]
    assert (meta.kind, meta.observations, meta.whole) == (Kind.IGNORED, 0, True)
    assert meta.reasons == ("neither watch stream, log nor client samples",)
