"""two-reads: a server's own value goes between two reads of it, and its save goes on as nobody's.

`SaveTimestamp` asks twice what value this server has in its election key: first whether there is one, then
whether etcd's key holds it.  `Leadership.Reset` revokes the lease and forgets the value.  If that is between
the two, "" is compared with a key that is gone, and found equal; the commit then needs the key to be absent
(its `CreateRevision` 0), as it is while nobody leads.

Source: tikv/pd `pkg/storage/endpoint/tso.go` (SaveTimestamp), `pkg/election/leadership.go` (Reset,
GetLeaderValue), `pkg/storage/kv/etcd_kv.go` (Load); pull 9171.
"""

from functools import partial

from ..language.expr import BOOL, FALSE, NOBODY, TRUE, Expr, both, ite
from ..language.transition import SELF, Step
from ..language.variant import Variant
from ..pd import save
from ..pd import state as s
from ..pd.state import ROLE, SLOTS, STAGE, Slot

behaviour = Variant(
    "two-reads",
    "a save whose server's own value went between two reads of it is nobody's",
    source="tikv/pd pull 9171",
)

#: the save in that slot has found nobody in the election key, when its server was nobody itself
nobodys = {slot: behaviour.per_server(slot.prefix + "nobodys", BOOL) for slot in SLOTS}


def _as_found(slot: Slot, n: Expr) -> Expr:
    return s.election_key(n) == ite(nobodys[slot][n], NOBODY, n)


def _conditions(slot: Slot, before: Expr, n: Expr) -> Expr:
    return both(_as_found(slot, n), s.timestamp == slot.seen[n])


def find_nobody(n: Expr, slot: Slot) -> Step:
    """The transaction loads the election key and finds none, when the server's own value is gone, too."""
    return Step(
        guard={
            "transaction has begun": slot.stage[n] == STAGE.begun,
            "its own value is gone": s.role[n] == ROLE.follower,
            "election key is absent": s.election_key(n) == NOBODY,
            "etcd answers": s.etcd_answers(),
        },
        effect={slot.prefix + "stage": STAGE.mine, slot.prefix + "nobodys": TRUE},
    )


after = "client_refused_not_leader"
for rule in save.slotted(find_nobody, budget="two_reads"):
    behaviour.add(rule, after=after)
    after = rule.name
for slot in SLOTS:
    for of in ("commit", "commit_answer_lost"):
        behaviour.guard(slot.prefix + of, "election key is mine", _as_found(slot, SELF))
    behaviour.define(slot.prefix + "conditions_hold", partial(_conditions, slot))
    for of in ("find_own_key", "commit"):
        behaviour.effect(slot.prefix + of, {slot.prefix + "nobodys": FALSE})
