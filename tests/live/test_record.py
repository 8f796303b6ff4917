"""A recorder against a gateway whose history, silence and mistakes the test decides."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from tsofence.traces.live import record
from tsofence.traces.live.gateway import Access
from tsofence.traces.live.gateway import Gateway as Client
from tsofence.traces.live.record import Ended, Recorder
from tsofence.traces.sources.observation import BadInput, Key
from tsofence.traces.sources.trace import Gap

from .gateways import CLUSTER, TIMESTAMP, Gateway, serving
from .recording import Recording, receipts, recorded, revisions, until


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a recorder waits for is here as soon as it looks."""
    monkeypatch.setattr(record, "BEAT_S", 0.01)
    monkeypatch.setattr(record, "_AGAIN_S", 0.01)


@pytest.fixture
def etcd() -> Iterator[Gateway]:
    gateway = Gateway()
    with serving(gateway):
        gateway.write("/pd/cluster_id", CLUSTER.to_bytes(8, "big"))
        yield gateway


def saved(ms: int) -> bytes:
    return (1_795_417_697_000_000_000 + ms * 1_000_000).to_bytes(8, "big")


@pytest.fixture
def recording(tmp_path: Path) -> Recording:
    return Recording(tmp_path / "etcd.jsonl")


def test_the_state_to_begin_with_and_everything_after_it(etcd: Gateway, recording: Recording) -> None:
    etcd.write(TIMESTAMP, saved(0))
    etcd.write("/tidb/store", b"a secret")

    def happens(recorder: Recorder) -> None:
        etcd.write(TIMESTAMP, saved(3000))
        etcd.write("/tidb/store", b"a secret")
        etcd.write(f"/ms/{CLUSTER}/tso/00000/primary", None)

    recorder = recording.of(etcd.url, during=happens)

    assert (recorder.seen, recorder.events, recorder.gaps, recording.said) == (7, 3, [], [])
    trace = recording.trace()
    assert revisions(trace) == [5, 7]
    assert [(event.key, event.put) for event in trace.keys] == [(Key.TIMESTAMP, True), (Key.PRIMARY, False)]
    assert trace.gaps == (Gap(2, 4),)
    assert trace.state is not None
    assert trace.state.revision == 4
    (held,) = trace.state.events
    assert (held.key, held.revision, held.version) == (Key.TIMESTAMP, 3, 1)
    assert "secret" not in recording.path.read_text()
    assert set(etcd.asked) == {"/v3/kv/range", "/v3/watch"}


def test_a_watch_that_ends_goes_on_where_it_ended(etcd: Gateway, recording: Recording) -> None:
    def happens(recorder: Recorder) -> None:
        for number in range(3):
            etcd.until(lambda begun=number: etcd.watches > begun)
            etcd.cut()
            etcd.write(TIMESTAMP, saved(3000 * number))

    recorder = recording.of(etcd.url, during=happens)
    assert (recorder.seen, recorder.gaps) == (5, [])
    trace = recording.trace()
    assert revisions(trace) == [3, 4, 5]
    assert trace.gaps == (Gap(2, 2),)
    assert recording.said


def test_what_etcd_has_forgotten_meanwhile_is_a_gap(etcd: Gateway, recording: Recording) -> None:
    def happens(recorder: Recorder) -> None:
        etcd.write(TIMESTAMP, saved(0))
        recorded(recorder, 3)
        etcd.change(told=3)
        etcd.cut()
        for ms in (3000, 6000, 9000):
            etcd.write(TIMESTAMP, saved(ms))
        etcd.change(compacted=5, told=None)

    recorder = recording.of(etcd.url, during=happens)
    assert recorder.gaps == [(4, 5)]
    assert "revisions 4 to 5 are lost: etcd had compacted them" in recording.said
    trace = recording.trace()
    assert revisions(trace) == [3, 6]
    assert trace.gaps == (Gap(2, 2), Gap(4, 5))


def test_what_comes_late_has_no_time_of_receipt(
    etcd: Gateway, recording: Recording, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A member that was cut off, or a recorder that slept, hears late what etcd did long before."""

    monkeypatch.setattr(record, "LATE_NS", 10**18)

    def soon(recorder: Recorder, revision: int) -> None:
        etcd.change(known=revision - 1)
        until(lambda: any(known < revision for _, known in [*recorder._beats]))
        etcd.write(TIMESTAMP, saved(3000 * revision))
        recorded(recorder, revision)
        etcd.change(known=None)

    def happens(recorder: Recorder) -> None:
        soon(recorder, 3)
        etcd.change(told=3)
        etcd.write(TIMESTAMP, saved(12000))
        until(lambda: all(known == 4 for _, known in [*recorder._beats]))  # all that it remembers
        etcd.change(told=None)
        recorded(recorder, 4)
        soon(recorder, 5)

    recording.of(etcd.url, during=happens)
    assert receipts(recording.trace()) == [True, False, True]


def test_a_read_that_began_long_before_vouches_for_nothing(
    etcd: Gateway, recording: Recording, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(record, "LATE_NS", -1)
    recording.of(etcd.url, during=lambda _: etcd.write(TIMESTAMP, saved(0)))
    assert receipts(recording.trace()) == [False]


def test_a_watch_that_lags_behind_is_begun_at_another_endpoint(
    etcd: Gateway, recording: Recording, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(record, "_BEHIND_S", 0.0)
    deaf = Gateway()
    deaf.events, deaf.told = etcd.events, 2

    with serving(deaf):
        recorder = recording.of(deaf.url, etcd.url, during=lambda _: etcd.write(TIMESTAMP, saved(0)))
    assert (recorder.seen, recorder.gaps) == (3, [])
    assert f"{deaf.url} does not tell what happens: asking again" in recording.said


def test_an_end_that_does_not_come_is_told(
    etcd: Gateway, recording: Recording, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(record, "ANSWER_S", 0.5)
    etcd.change(told=2)
    recorder = recording.of(etcd.url, during=lambda _: etcd.write(TIMESTAMP, saved(0)))
    assert recorder.gaps == [(3, 3)]
    assert recording.trace().gaps == (Gap(2, 3),)


def test_an_endpoint_that_is_gone_is_done_without(etcd: Gateway, recording: Recording) -> None:
    gone = Gateway()
    gone.server.server_close()
    recorder = recording.of(gone.url, etcd.url, during=lambda _: etcd.write(TIMESTAMP, saved(0)))
    assert (recorder.seen, recorder.gaps) == (3, [])


def test_silence_of_all_ends_it(etcd: Gateway, recording: Recording) -> None:
    def happens(_: Recorder) -> None:
        etcd.change(broken=True)
        recording.over.wait()

    with pytest.raises(Ended, match=r"no endpoint answered for .* s .*no leader"):
        recording.of(etcd.url, during=happens, patience=0.1)
    assert recording.trace().gaps == (Gap(2, 2),)


def test_another_history_ends_it(etcd: Gateway, recording: Recording) -> None:
    def happens(recorder: Recorder) -> None:
        etcd.write(TIMESTAMP, saved(0))
        recorded(recorder, 3)
        etcd.change(known=1)

    with pytest.raises(Ended, match=r"etcd was at revision \d and is at 1: its history is another"):
        recording.of(etcd.url, during=happens)


def test_an_endpoint_of_another_cluster_is_refused(etcd: Gateway, recording: Recording) -> None:
    other = Gateway()
    other.cluster = "2"

    async def greet() -> None:
        async with Client([etcd.url, other.url]) as client:
            await client.greet()

    with serving(other), pytest.raises(BadInput, match=f"{other.url}: expected a member of the cluster of"):
        asyncio.run(greet())


def test_a_user_gets_tokens_as_long_as_he_needs_them(recording: Recording) -> None:
    etcd = Gateway(user=("root", "right"))

    def happens(recorder: Recorder) -> None:
        etcd.change(tokens=set())  # as after a restart
        etcd.cut()
        etcd.write(TIMESTAMP, saved(0))

    with serving(etcd):
        recorder = recording.of(etcd.url, during=happens, access=Access(user="root", password="right"))
        assert (recorder.seen, recorder.gaps) == (2, [])
        for access in (None, Access(user="root", password="wrong")):
            with pytest.raises(BadInput, match="expected a user who may read all keys; check --user"):
                Recording(recording.path.with_name(str(access and 1))).of(
                    etcd.url, during=lambda _: None, access=access
                )


@pytest.mark.parametrize("url", ["ftp://h:1", "http://", "http://h:1/v3", "http://[", "", "http://h:x"])
def test_what_is_no_address(url: str) -> None:
    with pytest.raises(BadInput, match="expected an address such as"):
        Client([url])


def test_a_recording_is_never_written_over(etcd: Gateway, recording: Recording) -> None:
    recording.path.write_text("{}")
    with pytest.raises(BadInput, match="expected a file that can be written"):
        recording.of(etcd.url, during=lambda _: None)
