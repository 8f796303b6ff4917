"""Properties judged on explanations: each is looked at in every step that may break it."""

import gzip
import shutil
from functools import cache
from pathlib import Path

import pytest

from tsofence.specs import properties
from tsofence.traces.explain import conformance
from tsofence.traces.explain.replay import replay
from tsofence.traces.explain.steps import DEDUCED, KEPT, LEADER, World
from tsofence.traces.explain.timeline import timeline
from tsofence.traces.judge.exact import PROPERTIES
from tsofence.traces.sources.reading import read

RECORDINGS = Path(__file__).parents[1] / "recordings"
#: enough for any window
FAR = 10**18
GRANT = {"count": 1, "note": 0, "pick": 1}


def test_every_property_is_judged_on_observations_or_on_explanations() -> None:
    """One that nobody judges would hold whatever happens."""
    assert {*DEDUCED, *PROPERTIES} >= set(properties.NAMES)
    assert not set(DEDUCED) & set(PROPERTIES)


@cache
def world(name: str) -> World:
    watch = [path for path in (RECORDINGS / name).iterdir() if path.name.startswith(("etcd", "pd", "tso"))]
    return World("off", timeline(read(watch)))


def serving(of: World, *servers: int) -> tuple[int, ...]:
    """A state in which these servers lead, have a window ahead, and nothing else is so."""
    variables: dict[tuple[str, int], int] = {}
    for n in servers:
        variables |= {("role", n): LEADER, ("lease", n): KEPT, ("initialised", n): 1, ("promoted", n): 1}
        variables |= {("saved", n): FAR}
    return of.machine.layout.initial(variables, {})


@pytest.mark.parametrize(
    ("name", "servers", "broken"),
    [
        ("pd-failover", (1, 2), ("one-live", "two-of-a-kind")),
        ("tso-failover", (2, 3), ("one-live", "two-of-a-kind")),
        ("tso-failover", (1, 2), ("one-live",)),
        ("pd-failover", (1,), ()),
    ],
)
def test_who_grants_beside_whom(name: str, servers: tuple[int, ...], broken: tuple[str, ...]) -> None:
    of = world(name)
    assert of.breaks(serving(of, *servers), "grant", servers[0], GRANT) == broken


@pytest.mark.parametrize(
    ("name", "verdict", "note"),
    [
        ("pd-failover", "holds", ""),
        ("upgrade-fenced", "vacuous", "no more than one server of a kind granted timestamps"),
    ],
)
def test_two_of_a_kind_takes_two(name: str, verdict: str, note: str) -> None:
    (found,) = replay(
        read([RECORDINGS / name]), ["check-tso-primary"], properties=["two-of-a-kind"]
    ).properties
    assert (found.verdict, found.note) == (verdict, note)


@pytest.mark.parametrize(
    ("fences", "why"),
    [
        ([], "broken under off, but check-tso-primary may be what ran"),
        (["off"], "broken if the save interval is as it was assumed"),
    ],
)
def test_what_rests_on_a_guess_is_not_violated(fences: list[str], why: str) -> None:
    """A watch alone, of which few saves suggest the interval: nobody broke it."""
    watch = RECORDINGS / "pr-client-sync-small" / "etcd-recv.jsonl.gz"
    (found,) = replay(read([watch]), fences, properties=["single-writer"]).properties
    assert (found.verdict, found.note) == ("unknown", why)


@pytest.mark.parametrize(("detours", "verdict"), [(4_000, "violated"), (100, "unknown")])
def test_what_all_explanations_found_break_is_violated_if_others_were_looked_for(
    detours: int, verdict: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who saves beside a TSO primary is told without calls, with which the search takes ten times as long."""
    monkeypatch.setattr(conformance, "AVOIDING_DETOURS", detours)
    trace = read([RECORDINGS / "dynamic-switch-base"])
    (found,) = replay(trace, ["off"], properties=["single-writer"]).properties
    assert found.verdict == verdict
    assert ("a limit ended the search" in found.note) is (verdict == "unknown")


def test_a_server_whose_log_ends_may_have_stopped_to_serve(tmp_path: Path) -> None:
    """A PD in API mode, which then passes on what it is asked: what it answers until then stays."""
    for path in (RECORDINGS / "pr8780").iterdir():
        shutil.copy(path, tmp_path)
    whole = gzip.decompress((tmp_path / "pd-pd1.log.gz").read_bytes()).splitlines(keepends=True)
    (tmp_path / "pd-pd1.log.gz").unlink()
    (tmp_path / "pd-pd1.log").write_bytes(b"".join(whole[:155]))
    (found,) = replay(read([tmp_path]), ["dynamic-8780"], properties=["one-live"]).properties
    assert (found.verdict, found.count) in (("violated", 1), ("unknown", 0))


def test_two_that_answer_at_once_after_the_watch_are_not_one(tmp_path: Path) -> None:
    for path in (RECORDINGS / "pr-intervals-differ").iterdir():
        if path.name != "etcd.jsonl.gz":
            shutil.copy(path, tmp_path)
    watch = tmp_path / "etcd-recv.jsonl.gz"
    whole = gzip.decompress(watch.read_bytes()).splitlines(keepends=True)
    watch.write_bytes(gzip.compress(b"".join(whole[:10])))
    (found,) = replay(read([tmp_path]), ["check-tso-primary"], properties=["one-live"]).properties
    assert found.verdict == "unknown"
    assert "who served before the watch began, or after its end, is not judged: " in found.note
