"""How a PD engineer would tell each step; a template per transition, filled in by `telling.py`."""

from collections import defaultdict
from dataclasses import dataclass
from enum import Enum

from ...model.pd.state import CLIENTS


class To(Enum):
    """Whom a step concerns besides the server that takes it."""

    NOBODY = "its own memory"
    ETCD = "a request that etcd answers"
    LOST = "a request or an answer that gets lost"
    CLIENT = "a client"
    CLUSTER = "everybody"


@dataclass(frozen=True, slots=True)
class Words:
    """A step in PD's words; ``fault``: something goes wrong that no server wanted."""

    text: str
    to: To = To.NOBODY
    fault: bool = False


def plain(name: str) -> Words:
    """For a transition that has no words here: its name."""
    return Words(name.replace("_", " ").replace("{", "{{").replace("}", "}}"))


#: what stands for a value where none is known
_UNTOLD = defaultdict(lambda: "…", key="election", leaves="leaves", whose="client's sync")


def in_general(name: str) -> str:
    """A transition in words, whatever its values are; one that has no words by its name."""
    return (WORDS.get(name) or plain(name)).text.format_map(_UNTOLD)


#: by transition; the fields are those of `telling._values`
WORDS = {
    "campaign": Words("wins the {key} key", To.ETCD),
    "keepalive_stops": Words("keep-alives stop: its lease ends {lease_end}", To.LOST, fault=True),
    "keepalive_resumes": Words("a keep-alive gets through: its lease is full again", To.ETCD),
    "lease_runs_out": Words("its lease has run out: etcd deletes the {key} key", To.ETCD, fault=True),
    "step_down": Words("notices that its lease has run out: steps down"),
    "resign_as_raft_follower": Words("is not the raft leader any more: resigns"),
    "revoke": Words("{leaves}: revokes its lease", To.ETCD),
    "revoke_lost": Words("{leaves}, but its revoke is lost: the lease ends {lease_end}", To.LOST, fault=True),
    "drop_own_key": Words("finds itself in the {key} key without leading: deletes it", To.ETCD),
    "find_own_election_key": Words(
        "finds itself in the {key} key without leading: is going to delete it", To.ETCD
    ),
    "delete_election_key": Words("deletes the {key} key, whoever holds it", To.ETCD, fault=True),
    "raft_elects": Words("becomes raft leader"),
    "raft_passes_over": Words("becomes raft leader in place of {etcd_raft_leader}, which is paused"),
    "raft_moves": Words("becomes raft leader in place of {etcd_raft_leader}", fault=True),
    "raft_reclaims": Words("misses a PD leader for long: becomes raft leader in place of {etcd_raft_leader}"),
    "raft_passed_on": Words(
        "is handed the raft leadership by {etcd_raft_leader}, which has been elected too often"
    ),
    "given_priority": Words("an admin gives it the highest priority", To.ETCD),
    "raft_goes_by_priority": Words(
        "takes the raft leadership from {etcd_raft_leader}: its priority is higher"
    ),
    "raft_handed_over": Words("is handed the raft leadership by {etcd_raft_leader}, which yielded"),
    "sees_hand_over": Words("sees {etcd_raft_leader} as raft leader: may campaign again"),
    "chosen_as_primary": Words("an admin chooses it as next primary", To.ETCD),
    "read_expected_primary": Words("finds no primary, and reads who is expected: {etcd_expected}", To.ETCD),
    "campaign_refused": Words("its campaign is refused: starts over", To.ETCD),
    "delete_expected_primary": Words("deletes the key that expects it", To.ETCD),
    "expects_itself": Words("sets the expected primary flag", To.ETCD),
    "expected_key_goes": Words("the key that expects it is gone", To.ETCD),
    "makes_way": Words("finds {etcd_expected} expected as primary: steps down", To.ETCD),
    "crash": Words("crashes", fault=True),
    "stop": Words("is asked to stop (SIGTERM): closes its allocator"),
    "restart": Words("starts"),
    "restart_reconfigured": Words("starts with other settings"),
    "restart_upgraded": Words("starts as one of the new build"),
    "restart_upgraded_reconfigured": Words("starts as one of the new build, with other settings"),
    "restart_in_other_mode": Words("starts in {mode} mode"),
    "restart_in_other_mode_reconfigured": Words("starts in {mode} mode, with other settings"),
    "register": Words("registers as TSO server", To.ETCD),
    "registration_ends": Words("its registry key is gone", To.ETCD),
    "registration_lapses": Words("its registry key runs out although it is alive", To.ETCD, fault=True),
    "poll_registry": Words("looks who is registered: {polled}", To.ETCD),
    "poll_fails": Words("cannot read the registry: takes it for empty", To.LOST, fault=True),
    "clients_ask_all": Words("library clients begin to ask the other PDs, too", To.CLIENT),
    "clients_learn_mode": Words("tells library clients who hands out timestamps: {provider}", To.CLIENT),
    "probe_tso_primary": Words("asks the TSO primary for a timestamp, to see whether it answers"),
    "look_for_ready_primary": Words(
        "with tsoSwitchMu locked, reads primary: {etcd_primary}, expected_primary: {etcd_expected}", To.ETCD
    ),
    "stop_allocator": Words("TSO is provided by TSO server: clears its memory, stays leader"),
    "clock_jump": Words("its clock jumps: it is now {skew}", fault=True),
    "tick": Words("time passes", To.CLUSTER),
    "sync_load": Words("loads timestamp: {etcd_timestamp}", To.ETCD),
    "fall_back": Words(
        "a request that it could not send on makes it sync: loads timestamp: {etcd_timestamp}", To.ETCD
    ),
    "late_sync_load": Words(
        "syncs once more before it notices that it leads no more: loads timestamp: {etcd_timestamp}",
        To.ETCD,
        fault=True,
    ),
    "sync_skip": Words("skips the sync: the key holds what it saved last"),
    "sync_begin": Words("sync: next = {next} ({origin})"),
    "sync_abandon": Words("drops the sync: not leader any more"),
    "update_in_memory": Words("update: physical moves to {physical} within its window"),
    "early_begin": Words("update beside its own sync: next = {next}, needs a new window"),
    "update_begin": Words("update: next = {next}, needs a new window"),
    "reset": Words("three saves failed: Reset clears its memory"),
    "stale_failure_clears": Words(
        "an update of an earlier term fails: Reset clears its memory before it is promoted", fault=True
    ),
    "stale_failure_resigns": Words(
        "an update of an earlier term fails: Reset clears its memory, and it resigns", fault=True
    ),
    "old_update_ends": Words("an update of an earlier term ends without harm"),
    "grant": Words("grants {granted}", To.CLIENT),
    "overflow": Words("logical is used up: physical moves to {physical}"),
    "admin_reset": Words("admin resets it to {physical}"),
    "admin_reset_begin": Words("admin resets it to {next}: needs a new window"),
    "find_own_key": Words("{key} key is mine", To.ETCD),
    "refused_not_leader": Words("save refused: {key} key is not mine", To.ETCD),
    "find_no_primary": Words("finds no TSO primary", To.ETCD),
    "refused_by_fence": Words("save refused: TSO primary exists ({etcd_primary})", To.ETCD),
    "find_nobody": Words("{key} key is absent, as its own value is: taken for equal", To.ETCD, fault=True),
    "load_window": Words("reads timestamp: {etcd_timestamp}", To.ETCD),
    "refused_not_greater": Words("save refused: {window} is not above {etcd_timestamp}", To.ETCD),
    "refused_by_cas": Words("save refused: timestamp is {etcd_timestamp}, not {expected}", To.ETCD),
    "commit": Words("etcd applies the save: window up to {window}", To.ETCD),
    "commit_answer_lost": Words(
        "etcd applies the save up to {window}, but the answer is lost", To.LOST, fault=True
    ),
    "conflict": Words("save refused: a key has changed since it was read", To.ETCD),
    "conflict_with_primary": Words(
        "looks again: TSO primary exists ({etcd_primary}), and it must yield", To.ETCD
    ),
    "conflict_without_primary": Words("looks again: no TSO primary, a save that failed", To.ETCD),
    "request_lost": Words("save fails: no answer from etcd", To.LOST, fault=True),
}

#: of a sync that a client's request began, or of an update kept there; those of the save are told as of the
#: server's own
_CLIENTS = {
    "load": Words("a client makes it sync: loads timestamp: {etcd_timestamp}", To.ETCD),
    "skip": Words("skips the client's sync: the key holds what it saved last"),
    "begin": Words("client's sync: next = {next} ({origin})"),
    "abandon": Words("drops the client's sync: not leader"),
    **{
        name: Words(f"{{whose}}: {WORDS[name].text}", WORDS[name].to, WORDS[name].fault)
        for name in (
            "find_own_key",
            "refused_not_leader",
            "find_nobody",
            "load_window",
            "refused_not_greater",
            "refused_by_cas",
            "commit",
            "commit_answer_lost",
            "conflict",
            "request_lost",
        )
    },
}
WORDS |= {CLIENTS.prefix + name: words for name, words in _CLIENTS.items()}
