"""How a PD engineer would tell each step; a template per transition, filled in by `story.py`."""

from dataclasses import dataclass
from enum import Enum


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


#: by transition; the fields are those of `story._values`
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
    "raft_elects": Words("becomes raft leader"),
    "raft_moves": Words("becomes raft leader in place of {etcd_raft_leader}", fault=True),
    "crash": Words("crashes", fault=True),
    "stop": Words("is asked to stop (SIGTERM): closes its allocator"),
    "restart": Words("starts"),
    "clock_jump": Words("its clock jumps: it is now {skew}", fault=True),
    "tick": Words("time passes", To.CLUSTER),
    "sync_load": Words("loads timestamp: {etcd_timestamp}", To.ETCD),
    "sync_again": Words("syncs again, loads timestamp: {etcd_timestamp}", To.ETCD),
    "sync_skip": Words("skips the sync: the key holds what it saved last"),
    "sync_begin": Words("sync: next = {next} ({origin})"),
    "sync_abandon": Words("drops the sync: not leader any more"),
    "update_in_memory": Words("update: physical moves to {physical} within its window"),
    "update_begin": Words("update: next = {next}, needs a new window"),
    "reset": Words("three saves failed: Reset clears its memory"),
    "grant": Words("grants {granted}", To.CLIENT),
    "overflow": Words("logical is used up: physical moves to {physical}"),
    "admin_reset": Words("admin resets it to {physical}"),
    "admin_reset_begin": Words("admin resets it to {next}: needs a new window"),
    "find_own_key": Words("{key} key is mine", To.ETCD),
    "refused_not_leader": Words("save refused: {key} key is not mine", To.ETCD),
    "find_no_primary": Words("finds no TSO primary", To.ETCD),
    "refused_by_fence": Words("save refused: TSO primary exists ({etcd_primary})", To.ETCD),
    "load_window": Words("reads timestamp: {etcd_timestamp}", To.ETCD),
    "refused_not_greater": Words("save refused: {window} is not above {etcd_timestamp}", To.ETCD),
    "refused_by_cas": Words("save refused: timestamp is {etcd_timestamp}, not {expected}", To.ETCD),
    "commit": Words("etcd applies the save: window up to {window}", To.ETCD),
    "commit_answer_lost": Words(
        "etcd applies the save up to {window}, but the answer is lost", To.LOST, fault=True
    ),
    "conflict": Words("save refused: a key has changed since it was read", To.ETCD),
    "request_lost": Words("save fails: no answer from etcd", To.LOST, fault=True),
}
