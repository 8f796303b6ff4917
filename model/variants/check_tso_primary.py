"""check-tso-primary: in every save a PD in service mode looks for a TSO primary, and yields to it.

It looks before it reads the timestamp key.  The transaction remembers that the primary key was absent, so
that etcd compares it when the commit arrives.

Source: tikv/pd pull 10473, `pkg/storage/endpoint/tso.go` (SaveTimestamp, checkTSOPrimary).
"""

from ..language.expr import NOBODY, Expr, both, definition, either, ite, negate
from ..language.transition import Step
from ..language.variant import Variant
from ..pd import save
from ..pd import state as s
from ..pd.state import OWN, STAGE

fence = Variant(
    "check-tso-primary",
    "pull 10473: the PD looks for a TSO primary in every save, before it reads the timestamp key",
    source="tikv/pd pull 10473",
)


@definition
def checks_primary(n: Expr) -> Expr:
    """Does this save look for a TSO primary?"""
    return both(negate(s.is_tso[n]), negate(s.api[n]))


@fence.step(after=("client_refused_not_leader", "admin_reset_begin"))
def find_no_primary(n: Expr) -> Step:
    """The transaction loads the TSO primary key and finds it absent."""
    return Step(
        guard={
            "it is time for the check": s.stage[n] == save.past_election_key(n, OWN),
            "this save checks": checks_primary(n),
            "no TSO primary": s.primary == NOBODY,
            "etcd answers": s.etcd_answers(),
        },
        effect={"stage": STAGE.alone},
    )


@fence.step(after="find_no_primary")
def refused_by_fence(n: Expr) -> Step:
    """The transaction loads the TSO primary key and finds one: the PD must yield."""
    return Step(
        guard={
            "it is time for the check": s.stage[n] == save.past_election_key(n, OWN),
            "this save checks": checks_primary(n),
            "a TSO primary exists": s.primary != NOBODY,
            "etcd answers": s.etcd_answers(),
        },
        effect=save.failed(n, OWN),
    )


# Only then comes the timestamp key.
fence.define(
    "reads_timestamp",
    lambda before, n: s.stage[n] == ite(checks_primary(n), STAGE.alone, save.past_election_key(n, OWN)),
)
save.compare(
    fence,
    "no TSO primary",
    lambda n, slot: either(negate(checks_primary(n)), s.primary == NOBODY),
    slots=[OWN],
)
