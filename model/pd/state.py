"""Everything that the system remembers: etcd's keys, the servers' memory, one observed grant.

Names are PD's own where PD has one.  ``now`` is no variable: it is the true time, against which
every ``Time`` is read.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps

from ..language.expr import (
    BOOL,
    DURATION,
    FALSE,
    INT,
    NOBODY,
    NODE,
    NOW,
    TIME,
    ZERO,
    Expr,
    Sort,
    both,
    chosen,
    definition,
    either,
    exists,
    ite,
    named,
    negate,
    parameter,
)
from ..language.vocabulary import PerServer, Vocabulary

# --- constants of a scenario -------------------------------------------------------------------
#: G, `UpdateTimestampGuard`: 1 ms
GUARD = parameter("guard", DURATION)
#: the least step of the physical part: 1 ms
UNIT = parameter("unit", DURATION)
#: `maxLogical`: the logical part stays below it
LIMIT = parameter("limit", INT)
#: the bound on every server's clock skew
SKEW = parameter("skew_bound", DURATION)
#: `maxResetTSGap`: how far ahead an admin reset may jump
MAX_RESET = parameter("max_reset", DURATION)
#: a bound of a scenario, not of PD's: how far ahead of its clock a server's updates go for want of logical
#: room.  Clients that go on asking for more than 2^18 timestamps a ms drive the physical part away from it.
AHEAD = parameter("ahead", DURATION)
#: `enable-tso-dynamic-switching`: may a PD in API mode hand out timestamps while no TSO server is registered?
DYNAMIC = parameter("dynamic", BOOL)
#: is a PD ever in API mode?  Without one nobody looks at the registry of TSO servers, and it is left out.
REGISTRY = parameter("registry", BOOL)

# --- etcd --------------------------------------------------------------------------------------
VOCABULARY = Vocabulary()
#: `/pd/{cluster}/leader`: which PD's value it holds
leader: Expr = VOCABULARY.shared("leader", NODE)
#: `/ms/{cluster}/tso/00000/primary`: which TSO server's value it holds
primary: Expr = VOCABULARY.shared("primary", NODE)
#: `/ms/{cluster}/tso/00000/primary/expected_primary`: which TSO server is to be primary
expected: Expr = VOCABULARY.shared("expected", NODE)
#: `/pd/{cluster}/timestamp`: end of the last saved window; ZERO when absent
timestamp: Expr = VOCABULARY.shared("timestamp", TIME)
#: the PD whose embedded etcd leads the raft group; nobody: etcd answers nothing
raft_leader: Expr = VOCABULARY.shared("raft_leader", NODE, initial=1)

# --- a server ----------------------------------------------------------------------------------
#: which servers are TSO servers; the others are PDs
is_tso = VOCABULARY.fact("is_tso", BOOL)
#: W, the save interval (`tso-save-interval`): how far ahead a save reserves
window = VOCABULARY.fact("window", DURATION)
#: how long its update loop does not look at the logical part after it moved the physical part on for want of
#: logical room (`tso-update-physical-interval`, 50 ms; here a UNIT, where nothing else is given)
update_interval = VOCABULARY.fact("update_interval", DURATION, default="unit")
#: time to live of its leader or primary lease
ttl = VOCABULARY.fact("ttl", DURATION, constant="lease")

#: a PD in API mode (keyspace groups enabled): it hands out timestamps only in a TSO server's absence, if ever
api: PerServer = VOCABULARY.per_server("api", BOOL)

#: down: no process · follower · leader: its campaign succeeded (a TSO server calls it primary) ·
#: resigning: gave up, lease not yet revoked · closing: asked to stop, lease not yet revoked
ROLE = Sort("Role", ("follower", "leader", "resigning", "closing", "down"))
role: PerServer = VOCABULARY.per_server("role", ROLE)

#: the lease of the election key it last won: none · kept alive · running out at ``lease_end``
LEASE_STATE = Sort("Lease", ("none", "kept", "running"))
lease: PerServer = VOCABULARY.per_server("lease", LEASE_STATE)
lease_end: PerServer = VOCABULARY.per_server("lease_end", TIME, deadline=True)

#: `PromoteSelf`: it has synced, or found nothing to sync, since it won its election; only then it answers
promoted: PerServer = VOCABULARY.per_server("promoted", BOOL)

#: `timestampOracle`: is the memory set; physical, logical and lastSavedTime of it
initialised: PerServer = VOCABULARY.per_server("initialised", BOOL)
physical: PerServer = VOCABULARY.per_server("physical", TIME)
logical: PerServer = VOCABULARY.per_server("logical", INT)
saved: PerServer = VOCABULARY.per_server("saved", TIME)

#: what it is saving a window for: `syncTimestamp`, `updateTimestamp`, `resetUserTimestamp`
JOB = Sort("Job", ("none", "sync", "update", "admin"))
job: PerServer = VOCABULARY.per_server("job", JOB)
#: how far that is: sync has loaded the key · the transaction has begun · found its election key ·
#: found no TSO primary · read the timestamp key · ran the hook
STAGE = Sort("Stage", ("idle", "loaded", "begun", "mine", "alone", "read", "hooked"))
stage: PerServer = VOCABULARY.per_server("stage", STAGE)
#: the physical time it wants to go on from; the window to save ends ``window`` later
next: PerServer = VOCABULARY.per_server("next", TIME)  # noqa: A001  # PD's name for it
#: the value of the timestamp key that it read last
seen: PerServer = VOCABULARY.per_server("seen", TIME)
#: its update loop does not look at the logical part before
update_due: PerServer = VOCABULARY.per_server("update_due", TIME, deadline=True)
#: failed saves of this update so far (`maxUpdateTSORetryCount` is 3)
tries: PerServer = VOCABULARY.per_server("tries", INT)
#: a TSO server may sync twice at once: what the sync that a client's request began has read and wants
client_stage: PerServer = VOCABULARY.per_server("client_stage", STAGE)
client_next: PerServer = VOCABULARY.per_server("client_next", TIME)
client_seen: PerServer = VOCABULARY.per_server("client_seen", TIME)

#: its key in the registry: not there yet · there · gone although the process runs
REGISTRATION = Sort("Registration", ("none", "listed", "lapsed"))
registration: PerServer = VOCABULARY.per_server("registration", REGISTRATION)
#: what a PD in API mode saw when it looked at the registry and has not acted upon
POLLED = Sort("Polled", ("nothing", "nobody", "somebody"))
polled: PerServer = VOCABULARY.per_server("polled", POLLED)

#: its clock minus the true time
skew: PerServer = VOCABULARY.per_server("skew", DURATION)

# --- the observer: one grant, remembered or not by free choice ----------------------------------
noted: Expr = VOCABULARY.shared("noted", BOOL)
noted_physical: Expr = VOCABULARY.shared("noted_physical", TIME)
noted_logical: Expr = VOCABULARY.shared("noted_logical", INT)
#: the remembered grant went to a library client
noted_found: Expr = VOCABULARY.shared("noted_found", BOOL)

# --- inputs that the environment chooses --------------------------------------------------------
#: how many timestamps a client asks for
COUNT = chosen("count", INT)
#: does the observer remember this grant, and which timestamp of it
NOTE = chosen("note", BOOL)
PICK = chosen("pick", INT)
#: how far time goes on, a clock jumps, an admin resets
BY = chosen("by", DURATION)

#: the logical part after the physical part moved; no try of an update has failed; no time
NO_LOGICAL = Expr("literal", INT)
NO_TRIES = Expr("literal", INT)
NO_TIME = Expr("literal", DURATION)

# --- words that several transitions use ----------------------------------------------------------


def election_key(n: Expr) -> Expr:
    """Who holds the key that ``n`` campaigns for."""
    return ite(is_tso[n], primary, leader)


def put_election_key(n: Expr, holder: Expr) -> dict[str, Expr]:
    """The effect of writing (or, with NOBODY, deleting) the key that ``n`` campaigns for."""
    return {"primary": ite(is_tso[n], holder, primary), "leader": ite(is_tso[n], leader, holder)}


def etcd_answers() -> Expr:
    """Some PD leads the raft group."""
    return raft_leader != NOBODY


def clock(n: Expr) -> Expr:
    """What ``time.Now()`` gives on that server."""
    return NOW + skew[n]


@definition
def serving(n: Expr) -> Expr:
    """`IsServing`: elected, and the lease has not run out as far as this server can tell."""
    unexpired = either(
        lease[n] == LEASE_STATE.kept, both(lease[n] == LEASE_STATE.running, NOW < lease_end[n])
    )
    return both(role[n] == ROLE.leader, unexpired)


@definition
def able_to_grant(n: Expr) -> Expr:
    """Its memory is set and it serves."""
    return both(initialised[n], promoted[n], serving(n))


@definition
def asked_by_library(n: Expr) -> Expr:
    """Does PD's client library ask that server?

    It asks the PD leader; only one in API mode that does not hand out timestamps itself sends it on,
    to the TSO primary (`GetClusterInfo`, `forwardTSO`).
    """
    sent_on = exists(lambda m: both(leader == m, api[m], negate(promoted[m])))
    itself = both(leader == n, either(negate(api[n]), promoted[n]))
    return ite(is_tso[n], both(primary == n, sent_on), itself)


def forget_memory() -> dict[str, Expr]:
    """`ResetTimestamp` of a server that stops answering: the effect of clearing the timestamp in memory."""
    return {
        "promoted": FALSE,
        "polled": POLLED.nothing,
        "initialised": FALSE,
        "physical": ZERO,
        "logical": NO_LOGICAL,
        "saved": ZERO,
        "tries": NO_TRIES,
    }


@dataclass(frozen=True, slots=True)
class Slot:
    """Where a server keeps one save in flight: ``job`` is what it is for."""

    prefix: str
    job: PerServer | Literally
    stage: PerServer
    next: PerServer
    seen: PerServer

    def ended(self) -> dict[str, Expr]:
        """The effect: nothing is in flight here any more."""
        places = {"stage": STAGE.idle, "next": ZERO, "seen": ZERO}
        if isinstance(self.job, PerServer):
            places = {"job": JOB.none, **places}
        return {self.prefix + place: value for place, value in places.items()}


class Literally:
    """The same on every server, always."""

    def __init__(self, value: Expr) -> None:
        self._value = value

    def __getitem__(self, owner: Expr) -> Expr:
        return self._value


#: the saves of its own sync, of updates and of admin resets
OWN = Slot("", job, stage, next, seen)
#: the save of the sync that a client's request began
CLIENTS = Slot("client_", Literally(JOB.sync), client_stage, client_next, client_seen)


SLOTS = (OWN, CLIENTS)


def end_jobs() -> dict[str, Expr]:
    """Nothing is in flight any more."""
    return {**OWN.ended(), **CLIENTS.ended()}


def of_a_save(meaning: Callable[[Expr, Slot], Expr]) -> Callable[..., Expr]:
    """A function from a server and a save of its to an expression that keeps the function's name (behind the
    slot's prefix)."""

    @wraps(meaning)
    def define(n: Expr, slot: Slot = OWN) -> Expr:
        return named(slot.prefix + meaning.__name__, meaning(n, slot), n)

    return define
