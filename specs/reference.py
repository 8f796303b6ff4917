"""A small protocol beside PD's, whose counts other tools agree on: it tells whether an engine is right, and
how fast it is.  See docs/reference-protocol.md.
"""

from __future__ import annotations

from ..model.language.expr import BOOL, INT, NOBODY, NODE, Expr, Sort, both, either, ite, negate, parameter
from ..model.language.instance import Configuration
from ..model.language.transition import Kind, Rule, Step, Transition, transition
from ..model.language.vocabulary import Vocabulary

V = Vocabulary()
PHASE = Sort("Phase", ("idle", "loaded", "serving"))
leader = V.shared("leader", NODE)
primary = V.shared("primary", NODE)
ts = V.shared("ts", INT)
clock = V.shared("clock", INT)
maxg = V.shared("maxg", INT)
bad = V.shared("bad", BOOL)
phase = V.per_server("phase", PHASE)
ld = V.per_server("ld", INT)
chk = V.per_server("chk", BOOL)
mem = V.per_server("mem", INT)
hi = V.per_server("hi", INT)
is_tso = V.fact("is_tso", BOOL)
T, C, W, FENCE = (parameter(name, INT) for name in ("T", "C", "W", "FENCE"))
NONE = Expr("literal", INT)
NO = Expr("literal", BOOL)


def key(n: Expr) -> Expr:
    return ite(is_tso[n], primary, leader)


def put_key(n: Expr, value: Expr) -> dict[str, Expr]:
    return {"primary": ite(is_tso[n], value, primary), "leader": ite(is_tso[n], leader, value)}


def check(n: Expr) -> Expr:
    return either(is_tso[n], primary == NOBODY)


@transition(Kind.CLUSTER)
def tick(n: Expr) -> Step:
    return Step({"clock": clock < C}, {"clock": clock + 1})


@transition()
def campaign(n: Expr) -> Step:
    return Step({"free": key(n) == NOBODY, "idle": either(is_tso[n], phase[n] == PHASE.idle)}, put_key(n, n))


@transition()
def expire(n: Expr) -> Step:
    return Step({"owns": key(n) == n}, put_key(n, NOBODY))


@transition()
def load(n: Expr) -> Step:
    return Step(
        {"idle": phase[n] == PHASE.idle, "owns": key(n) == n},
        {"phase": PHASE.loaded, "ld": ts, "chk": check(n)},
    )


def next_of(n: Expr) -> Expr:
    return ite(clock < ld[n] + 1, ld[n] + 1, clock)


@transition()
def commit(n: Expr) -> Step:
    nx = next_of(n)
    ok = both(
        key(n) == n,
        ts == ld[n],
        either(FENCE == 0, is_tso[n], both(chk[n], primary == NOBODY)),
    )
    return Step(
        {"loaded": phase[n] == PHASE.loaded, "fits": nx + W <= T},
        {
            "ts": ite(ok, nx + W, ts),
            "mem": ite(ok, nx, NONE),
            "hi": ite(ok, nx + W, NONE),
            "phase": ite(ok, PHASE.serving, PHASE.idle),
            "ld": NONE,
            "chk": NO,
        },
    )


@transition()
def renew(n: Expr) -> Step:
    return Step(
        {"serving": phase[n] == PHASE.serving, "used up": hi[n] <= mem[n] + 1},
        {"phase": PHASE.loaded, "ld": ts, "chk": check(n), "mem": NONE, "hi": NONE},
    )


@transition()
def grant(n: Expr) -> Step:
    return Step(
        {"serving": phase[n] == PHASE.serving, "room": mem[n] < hi[n]},
        {
            "bad": either(bad, mem[n] <= maxg),
            "maxg": ite(maxg < mem[n], mem[n], maxg),
            "mem": mem[n] + 1,
        },
    )


@transition()
def stepdown(n: Expr) -> Step:
    return Step(
        {"busy": phase[n] != PHASE.idle, "lost": negate(key(n) == n)},
        {"phase": PHASE.idle, "ld": NONE, "chk": NO, "mem": NONE, "hi": NONE},
    )


RULES: tuple[Rule, ...] = (tick, campaign, expire, load, commit, renew, grant, stepdown)


def reference(pds: int, tsos: int, end: int, clocks: int, *, fence: bool) -> Configuration:
    """The protocol of that size: P, S, T, C and FENCE."""
    return Configuration(
        V,
        tuple(Transition(rule, rule.step) for rule in RULES),
        (Kind.PD,) * pds + (Kind.TSO,) * tsos,
        {"T": end, "C": clocks, "W": 2, "FENCE": int(fence)},
        relative=True,
    )
