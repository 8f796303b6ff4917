"""master-2026-08: who is expected as primary is a condition of the campaign; nothing old does harm.

The primary through which a transfer is asked writes the expected one's address, with a time to live, and
resigns.  Whoever campaigns has read that key before: what it read is a condition of its campaign, unless it
read nothing.  The winner deletes the key before it serves.  The delete of the own election key names its
revision (pull 10636).  Syncs and resets exclude each other (`timestampStateMu`, pull 11102).

Source: tikv/pd a186e0cc61 `pkg/tso/allocator.go` (primaryElectionLoop, campaignPrimary, Initialize, Reset),
`pkg/mcs/utils/expected_primary.go` (TransferPrimary, ExpectedPrimaryCmp, DeleteExpectedPrimaryFlag; pull
10952).
"""

from ..behaviours import stale_delete, stale_failure
from ..language.expr import BOOL, FALSE, NOBODY, NODE, Expr, Sort, both, either, implies, ite, negate
from ..language.transition import SELF, Kind, Step
from ..language.variant import Variant
from ..pd import election
from ..pd import state as s
from ..pd.state import CLIENTS, JOB, ROLE, STAGE

build = Variant(
    "master-2026-08",
    "master of August 2026 (a186e0cc61): as the base of pull 10473, but who is expected as primary is a "
    "condition of the campaign (10952); no stale delete (10636), no stale failure (11102)",
    source="tikv/pd a186e0cc61",
    lacks=[stale_delete.behaviour, stale_failure.behaviour],
)

#: what a TSO server has read of who is expected, before it campaigns: not read · nobody · itself
INVITED = Sort("Invited", ("unread", "nobody", "itself"))
invited = build.per_server("invited", INVITED)
#: it won as the one that was expected, and is going to delete the key that says so
to_delete = build.per_server("to_delete", BOOL)
#: the primary through which a transfer was asked, which is going to resign
transferring = build.shared("transferring", NODE)


@build.step(Kind.TSO, after="campaign")
def read_expected_primary(n: Expr) -> Step:
    """A TSO server that finds no primary reads who is expected: nobody, or itself."""
    return Step(
        guard={
            "another TSO server may ask": election.several_tso_servers(n),
            "not leader, not stopping": s.role[n] == ROLE.follower,
            "no primary": s.primary == NOBODY,
            "has not read it": invited[n] == INVITED.unread,
            "nobody else is expected": either(s.expected == NOBODY, s.expected == n),
            "etcd answers": s.etcd_answers(),
        },
        effect={"invited": ite(s.expected == n, INVITED.itself, INVITED.nobody)},
    )


@build.step(Kind.TSO, after="read_expected_primary")
def campaign_refused(n: Expr) -> Step:
    """Its campaign fails: there is a primary, or it is expected no more; it starts over."""
    return Step(
        guard={
            "not leader, not stopping": s.role[n] == ROLE.follower,
            "has read who is expected": invited[n] != INVITED.unread,
            "a condition fails": either(
                s.primary != NOBODY, both(invited[n] == INVITED.itself, s.expected != n)
            ),
            "etcd answers": s.etcd_answers(),
        },
        effect={"invited": INVITED.unread},
    )


@build.step(Kind.TSO, after="campaign_refused")
def delete_expected_primary(n: Expr) -> Step:
    """The winner deletes the key that expects it, if it still does, before it syncs and serves."""
    return Step(
        guard={"won as expected": to_delete[n], "etcd answers": s.etcd_answers()},
        effect={"to_delete": FALSE, "expected": ite(s.expected == n, NOBODY, s.expected)},
    )


build.guard(
    "campaign",
    "nobody else is to be primary",
    either(
        negate(s.is_tso[SELF]),
        negate(election.several_tso_servers(SELF)),
        invited[SELF] == INVITED.nobody,
        both(invited[SELF] == INVITED.itself, s.expected == SELF),
    ),
)
build.effect("campaign", {"invited": INVITED.unread, "to_delete": invited[SELF] == INVITED.itself})
build.guard("sync_load", "has deleted the key that expects it", negate(to_delete[SELF]))

# The transfer: the flag first, then the primary that wrote it resigns, and nobody else does.
build.effect("chosen_as_primary", {"transferring": s.primary})
build.guard("chosen_as_primary", "no transfer is under way", transferring == NOBODY)
build.no_guard("makes_way", "another server is expected")
build.guard("makes_way", "has written who is expected", transferring == SELF)
build.effect("makes_way", {"transferring": NOBODY})
# Nothing keeps that key alive.  When it goes is left open: its time to live is three of a leader's lease.
build.no_guard("expected_key_goes", "it does not serve")
build.no_step("expects_itself")

_gone = ite(transferring == SELF, NOBODY, transferring)
for of in ("crash", "stop"):
    build.effect(of, {"invited": INVITED.unread, "to_delete": FALSE, "transferring": _gone})
for of in ("step_down", "reset"):
    build.effect(of, {"to_delete": FALSE, "transferring": _gone})

# Initialize and Reset hold one lock.
_no_clients_sync = implies(s.is_tso[SELF], CLIENTS.stage[SELF] == STAGE.idle)
for of in ("sync_load", "step_down", "makes_way", "reset", "stop"):
    build.guard(of, "no client's sync holds the allocator's state", _no_clients_sync)
build.guard("client_load", "no sync of its own holds the allocator's state", s.job[SELF] != JOB.sync)
