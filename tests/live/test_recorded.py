"""Recordings that `record --sample` made of real PDs and TSO servers, trimmed.

| folder | what was recorded |
|---|---|
| `r85-quiet-recorded` | one PD of v8.5.7 that leads; nothing happens |
| `r85-failover-recorded` | three PDs of v8.5.7: resign, transfer, kill -9 of a leader, restart of the next |
| `pr-upgrade-sampled` | pull 10473's head, PD service mode; a TSO server that is stopped, and killed |
| `master-switch-set-later` | three PDs of master in API mode; dynamic switching is set once they run |
| `pr-sync-from-nothing` | pull 10473's head, API mode: a primary's first sync and a client's load no window |
| `r75-registered-late` | v7.5.7, API mode: a TSO server that campaigns before it is registered |
| `r75-saves-beside-its-sync` | v7.5.7: two TSO servers follow each other, clients ask both: an update
  saves beside a campaign's sync |
| `r85-lease-ran-out` | three PDs and a TSO server of v8.5.7 in API mode, each paused, killed or started
  anew: the lease of a primary that gets no answer ends seconds before its key is deleted |
| `pr-begins-paused` | pull 10473's head, API mode: the only PD stands still as `record` begins, and nobody
  received what etcd wrote as it went on; the log of one of two TSO servers |
| `r85-update-outlives` | v8.5.7, API mode: an update that hangs fails in the next term, which it ends;
  another conflicts with the sync beside which it began |
| `r85-reset-beside-an-update` | v8.5.7: an admin's reset saves while an update is under way, which fails |
| `pr-saves-as-nobody` | pull 10473's head, PD service mode: the PD stands still between two reads of a TSO
  server's own value, which has given its lease up meanwhile; its save lands while nobody is primary |
| `pr-ready-without-memory` | pull 10473's head, API mode: an update of the term before fails once the next
  has synced, and before it serves (tikv/pd 11086) |
| `r85-lease-of-three` | v8.5.7, API mode: asked for 3 s, etcd grants leases of 5 s, and a primary saves in
  the last second of one |
| `r85-synced-for-a-client` | v8.5.7, API mode: a TSO server syncs for a client, and answers once elected |
| `r75-changes-mode` | v7.5.7: a PD starts in API mode, the others in PD service mode |
| `master-loads-late` | master: a TSO server loads for 2.4 s what the watch does not show any more |
| `master-to-pr` | three PDs and a TSO server of master, of which each becomes one of pull 10473's head |
| `r85-to-master` | three PDs and a TSO server of v8.5.7, each of which becomes one of master |
| `r75-begins-late` | v7.5.7, API mode: a PD and a TSO server, each paused, killed and started anew |
| `r85-saves-of-one-millisecond` | v8.5.7, PD service mode: a TSO server saves just above the PD's window,
  and the PD half a second later a value of the same millisecond |
| `r85-first-save-late` | v8.5.7, API mode: a watch that begins late, and yet before the first save; two
  syncs load no window; a transfer to the primary itself |
| `r85-syncs-once-more` | v8.5.7, PD service mode: a PD whose updates have failed syncs once more, when its
  election key is gone |
| `r85-save-that-hangs` | v8.5.7, PD service mode: the only PD is killed, and a save that a TSO server began
  is refused five seconds later |
| `pr-saved-as-etcd-starts` | pull 10473's head, PD service mode: the only PD starts anew, and its etcd
  applies a save that began before; a PD that stood still syncs twice in a millisecond |
| `pr-transferred-to-itself` | pull 10473's head, API mode: a transfer to the primary itself, which is gone
  before the key says whom it is transferred to |
| `master-transferred-to-who-stepped-down` | master, API mode, `record` begins late: etcd's leader stands
  still, so that a primary's lease runs out and saves hang; the primary is transferred back |
| `r85-overtaken-before-the-watch` | v8.5.7, PD service mode, `record` begins late: a PD answers from a window
  that a TSO server overtook before, to which an admin had reset it |

Four of the others have a watch from revision 1 in place of that of `record`, which began later.
"""

from pathlib import Path

import pytest

from tsofence.traces.clocks.align import align
from tsofence.traces.explain.first_states import first_states
from tsofence.traces.explain.replay import Report, replay
from tsofence.traces.explain.steps import World
from tsofence.traces.explain.timeline import timeline
from tsofence.traces.sources.reading import read

RECORDED = Path(__file__).parent / "recorded"


def judged(name: str, *properties: str) -> Report:
    return replay(read([RECORDED / name]), properties=properties)


@pytest.mark.parametrize(
    ("name", "fits"),
    [
        ("r85-quiet-recorded", {"release-8.5": True}),
        ("r85-failover-recorded", {"release-8.5": True}),
        ("r85-lease-ran-out", {"release-8.5": True}),
        ("r85-update-outlives", {"release-8.5": True}),
        ("r85-reset-beside-an-update", {"release-8.5": True}),
        ("pr-saves-as-nobody", {"off": False, "check-tso-primary": True}),
        ("pr-ready-without-memory", {"off": True, "check-tso-primary": True}),
        ("r85-synced-for-a-client", {"release-8.5": True}),
        ("r75-changes-mode", {"release-7.5": True}),
        pytest.param("r85-lease-of-three", {"release-8.5": True}, marks=pytest.mark.large),
        pytest.param("master-loads-late", {"master-2026-08": True}, marks=pytest.mark.large),
        ("pr-begins-paused", {"off": True, "check-tso-primary": True}),
        ("pr-upgrade-sampled", {"off": False, "check-tso-primary": True}),
        ("master-switch-set-later", {"master-2026-08": True}),
        ("r75-registered-late", {"release-7.5": True}),
        ("pr-sync-from-nothing", {"off": True, "check-tso-primary": True}),
        ("r85-to-master", {"release-8.5..master-2026-08": True}),
        (
            "master-to-pr",
            {
                "master-2026-08..pull-10473-base": False,
                "master-2026-08..pull-10473-base+check-tso-primary": True,
            },
        ),
        ("r85-saves-of-one-millisecond", {"release-8.5": True}),
        ("r85-first-save-late", {"release-8.5": True}),
        ("r85-syncs-once-more", {"release-8.5": True}),
        ("r85-save-that-hangs", {"release-8.5": True}),
        ("pr-saved-as-etcd-starts", {"off": False, "check-tso-primary": True}),
        ("r85-overtaken-before-the-watch", {"release-8.5": True}),
        ("master-transferred-to-who-stepped-down", {"master-2026-08": True}),
        ("pr-transferred-to-itself", {"off": True, "check-tso-primary": True}),
        pytest.param("r75-saves-beside-its-sync", {"release-7.5": True}, marks=pytest.mark.large),
    ],
)
def test_each_is_of_its_own_build(name: str, fits: dict[str, bool]) -> None:
    found = judged(name)
    assert {each.fence: each.conforms for each in found.fences} == fits
    assert not found.clocks.doubtful()


def test_a_server_without_a_log_may_have_been_upgraded_before() -> None:
    """Each of two such, whatever the other was."""
    files = [RECORDED / "master-to-pr" / f"{name}.gz" for name in ("pd-pd1.log", "etcd.jsonl")]
    order = timeline(align(read(files)))
    world = World("master-2026-08..pull-10473-base", order)
    unknown = [n for n in world.servers if n not in world.upgraded_at]
    met = {tuple(first.get(("upgraded", n), 0) for n in unknown) for first in first_states(world, order)}
    assert met == {(0, 0), (0, 1), (1, 0), (1, 1)}


def test_what_a_recorder_read_at_first_counts() -> None:
    """The window that covers the first calls, and that there was no TSO primary."""
    found = judged("r85-quiet-recorded", "window", "single-writer")
    assert [(each.verdict, each.count) for each in found.properties] == [("holds", 0), ("vacuous", 0)]


def test_the_fence_of_the_pull_lets_time_go_back() -> None:
    found = judged("pr-upgrade-sampled", "unique", "real-time")
    assert [(each.verdict, each.count) for each in found.properties] == [("holds", 0), ("violated", 18)]


def test_what_a_limit_ended_accuses_nobody() -> None:
    """Without any log PDs are taken to be in PD service mode, where two saves may be of two servers."""
    watch = read([RECORDED / "pr-begins-paused" / "etcd.jsonl.gz"])
    (single_writer,) = replay(watch, ["off"], properties=["single-writer"]).properties
    assert single_writer.verdict == "unknown"


@pytest.mark.large
def test_a_pd_that_never_serves_is_no_second_one_that_does() -> None:
    """Where a watch begins late, a PD in API mode that leads has nothing in memory."""
    found = judged("r75-begins-late", "one-live")
    assert [(each.fence, each.conforms) for each in found.fences] == [("release-7.5", True)]
    assert [each.verdict for each in found.properties] == ["vacuous"]
