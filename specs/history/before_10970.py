"""before-10970: a transfer of the primary to itself makes it step down.

`TransferPrimary` ends the lease of the key that says who is expected, and writes the same server again; the
primary, which watches that key, leaves.

Source: tikv/pd 8abdf3063a^ (7/2026) `pkg/mcs/utils/expected_primary.go` (TransferPrimary,
watchExpectedPrimary); issue 10969, pull 10970.
"""

from tsofence.model.language.expr import BOOL, FALSE, TRUE, Expr
from tsofence.model.language.transition import Kind, Step
from tsofence.model.language.variant import Variant
from tsofence.model.pd import state as s
from tsofence.model.pd.state import JOB, ROLE

build = Variant(
    "before-10970",
    "8.3 to master of July 2026: as the base of pull 10473, but the primary may be transferred to itself",
    source="tikv/pd 8abdf3063a^",
)

#: the key that expects it was written again
rewritten = build.per_server("rewritten", BOOL)


@build.step(Kind.TSO, budget="transfer", after="chosen_as_primary")
def chosen_again(n: Expr) -> Step:
    """`primary/transfer` to the primary itself writes the key once more."""
    return Step(
        guard={
            "this TSO server serves": s.serving(n),
            "promoted": s.promoted[n],
            "etcd answers": s.etcd_answers(),
        },
        effect={"expected": n, "rewritten": TRUE},
    )


@build.step(Kind.TSO, after="makes_way")
def makes_way_for_itself(n: Expr) -> Step:
    """ "primary have been updated": the TSO primary sees the key written and steps down."""
    return Step(
        guard={
            "leader": s.role[n] == ROLE.leader,
            "the key was written again": rewritten[n],
            "no admin reset holds the memory": s.job[n] != JOB.admin,
        },
        effect={**s.forget_memory(), "role": ROLE.resigning, "rewritten": FALSE},
    )


for of in ("step_down", "makes_way", "reset", "crash", "stop"):
    build.effect(of, {"rewritten": FALSE})
