"""Every recording conforms to the fence of its build, and shows what its own analysis found.

The recordings are whole but for the polls of leases and what `meta.json` says of the machine; of the ten
minutes of load in `soak` every twentieth call is here.
"""

import gzip
import json
from dataclasses import dataclass
from pathlib import Path

import pytest

from tsofence.checker.run import follow
from tsofence.traces.explain.conformance import FenceVerdict, Refused
from tsofence.traces.explain.replay import replay
from tsofence.traces.sources.observation import Call
from tsofence.traces.sources.reading import read

from ..recorded import RECORDINGS, replayed

CHECK, DYNAMIC = "check-tso-primary", "dynamic-8780"


@dataclass(frozen=True)
class Row:
    """A recording, the fence of its build, and verdicts on single-writer and availability (ms, if broken).

    The verdicts on unique and real-time, and their counts, are those of `meta.json`.
    """

    name: str
    fence: str
    single_writer: str
    outage_ms: int | None = None


TABLE = (
    Row("upgrade-unfenced", "off", "violated"),
    Row("upgrade-fenced", CHECK, "holds", 17_944),
    Row("upgrade-fenced-debug", CHECK, "holds", 13_118),
    Row("upgrade-fenced-mixed", CHECK, "holds", 13_015),
    Row("upgrade-fenced-flap", CHECK, "holds", 24_054),
    Row("pd-failover", CHECK, "vacuous"),
    Row("soak", CHECK, "vacuous"),
    Row("tso-failover", CHECK, "holds"),
    Row("clock-jump", CHECK, "vacuous"),
    Row("reset-ts", CHECK, "vacuous"),
    # its TSO server was killed, and what a log does not say anymore, nobody knows
    Row("pr8780", DYNAMIC, "unknown"),
    Row("pr8780", "pull-8780", "unknown"),
    # its PD's log goes on with lines that say nothing of the protocol
    Row("pr-intervals-differ", CHECK, "holds"),
    Row("pr-intervals-differ", "off", "holds"),
    Row("pr-client-sync-small", CHECK, "holds"),
    Row("pr-client-sync-small", "off", "holds"),
    Row("pr-slow-load-small", CHECK, "holds"),
    Row("pr-slow-load-small", "off", "holds"),
    Row("master-transfer-small", "master-2026-08", "holds"),
    Row("r85-transfer-small", "release-8.5", "holds"),
    Row("dynamic-switch-base", CHECK, "violated"),
    Row("dynamic-switch-base", "off", "violated"),
)


def servers_only(name: str, fence: str) -> FenceVerdict:
    """The verdict without clients' calls."""
    paths = [path for path in (RECORDINGS / name).iterdir() if path.name.startswith(("etcd", "pd-", "tso-"))]
    (verdict,) = replay(read(paths), [fence], properties=()).fences
    return verdict


def each(test: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("row", TABLE, ids=lambda row: f"{row.name}-{row.fence}-{test}")


@each("conforms")
def test_it_conforms_to_the_fence_of_its_build(row: Row) -> None:
    (verdict,) = replayed(row.name, row.fence).fences
    assert verdict.conforms is True
    assert verdict.run is not None
    assert len(list(follow(verdict.run))) == len(verdict.run.moves)


@each("properties")
def test_properties_count_what_the_analysis_counted(row: Row) -> None:
    analysis = json.loads(gzip.decompress((RECORDINGS / row.name / "meta.json.gz").read_bytes()))["analysis"]
    found = {judgement.property: judgement for judgement in replayed(row.name, row.fence).properties}
    for name, count in (("unique", analysis["duplicate_pairs"]), ("real-time", analysis["regressions"])):
        assert (found[name].verdict, found[name].count) == ("violated" if count else "holds", count)
    assert found["key-monotone"].verdict == found["session"].verdict == "holds"
    assert found["window"].verdict in ("holds", "unknown")
    assert found["single-writer"].verdict == row.single_writer
    availability = found["availability"]
    assert availability.verdict in (("violated",) if row.outage_ms else ("holds", "vacuous"))
    assert availability.worst_ms == row.outage_ms


def test_the_library_waits_while_the_tso_server_answers_others() -> None:
    """From the last answer of the PD, which cannot save any more, to the end of the TSO server."""
    found = {judgement.property: judgement for judgement in replayed("upgrade-fenced", CHECK).properties}
    outage = found["availability"]
    assert outage.witness is not None
    before, after = outage.witness
    assert isinstance(before, Call)
    assert isinstance(after, Call)
    assert (before.kind, before.error, after.kind, after.error) == ("lib", None, "lib", None)
    assert outage.from_ns is not None
    assert outage.to_ns is not None
    assert before.end_ns < outage.from_ns < outage.to_ns < after.end_ns


@pytest.mark.large
@pytest.mark.parametrize("fence", [DYNAMIC, "pull-8780"])
def test_a_save_beside_a_dead_primary_does_not_conform_to_8780(fence: str) -> None:
    verdict = servers_only("dynamic-switch-base", fence)
    assert (verdict.conforms, verdict.revision) == (False, 41)
    assert Refused("find_no_primary", "pd1", "no TSO primary") in verdict.refused_by


@pytest.mark.parametrize(
    ("fence", "guard"), [("off", "there is no such step under this fence"), (CHECK, "this save checks")]
)
def test_only_8780_refuses_a_save_in_api_mode(fence: str, guard: str) -> None:
    verdict = servers_only("pr8780", fence)
    assert verdict.conforms is False
    assert verdict.stopped_at is not None
    assert (Path(verdict.stopped_at.file).name, verdict.stopped_at.line) == ("pd-pd1.log.gz", 169)
    assert Refused("refused_by_fence", "pd1", guard) in verdict.refused_by


def test_a_client_makes_a_tso_server_sync_beside_its_own_sync() -> None:
    """PUT of the primary key, save, DEL, PUT by one server, which then has nothing left to sync."""
    run = replayed("tso-failover", CHECK).fences[0].run
    assert run is not None
    steps = [move.transition for move in run.moves if run.names[move.server - 1] == "tso2"]
    at = steps.index("client_commit")
    around = [step for step in steps[at - 8 : at + 9] if "find" not in step and "load" not in step]
    assert around[around.index("client_commit") :][:5] == [
        "client_commit",
        "conflict",
        "revoke",
        "campaign",
        "sync_skip",
    ]


@pytest.mark.parametrize("name", ["dynamic-switch-base", "pr8780"])
def test_a_pd_in_api_mode_without_its_log_leaves_the_verdict_open(name: str) -> None:
    verdicts = replay(read([RECORDINGS / name / "etcd-recv.jsonl.gz"]), ["off", CHECK, DYNAMIC]).fences
    assert {verdict.conforms for verdict in verdicts} == {None}
    assert all("the log of pd1 is needed" in verdict.note for verdict in verdicts)
