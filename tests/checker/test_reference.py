"""An engine that gets another protocol's counts right is an engine.

The protocol and its counts come from `docs/reference-protocol.md`; TLC, Spin and a hand-written
C++ explorer agree on them.
"""

from __future__ import annotations

import pytest

from tsofence.checker.engine import Engine, Plain
from tsofence.checker.expand import Expander
from tsofence.checker.native import Native
from tsofence.model.expr import BOOL, INT, NOBODY, NODE, Expr, Sort, both, either, ite, negate, parameter
from tsofence.model.fence import Fence
from tsofence.model.instance import Configuration
from tsofence.model.transition import Kind, Rule, Step, transition
from tsofence.model.vocabulary import PerServer, Vocabulary
from tsofence.specs.properties import Property

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
is_tso = PerServer("is_tso", BOOL)
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
def tick(n: Expr, fence: Fence) -> Step:
    return Step({"clock": clock < C}, {"clock": clock + 1})


@transition()
def campaign(n: Expr, fence: Fence) -> Step:
    return Step({"free": key(n) == NOBODY, "idle": either(is_tso[n], phase[n] == PHASE.idle)}, put_key(n, n))


@transition()
def expire(n: Expr, fence: Fence) -> Step:
    return Step({"owns": key(n) == n}, put_key(n, NOBODY))


@transition()
def load(n: Expr, fence: Fence) -> Step:
    return Step(
        {"idle": phase[n] == PHASE.idle, "owns": key(n) == n},
        {"phase": PHASE.loaded, "ld": ts, "chk": check(n)},
    )


def next_of(n: Expr) -> Expr:
    return ite(clock < ld[n] + 1, ld[n] + 1, clock)


@transition()
def commit(n: Expr, fence: Fence) -> Step:
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
def renew(n: Expr, fence: Fence) -> Step:
    return Step(
        {"serving": phase[n] == PHASE.serving, "used up": hi[n] <= mem[n] + 1},
        {"phase": PHASE.loaded, "ld": ts, "chk": check(n), "mem": NONE, "hi": NONE},
    )


@transition()
def grant(n: Expr, fence: Fence) -> Step:
    return Step(
        {"serving": phase[n] == PHASE.serving, "room": mem[n] < hi[n]},
        {
            "bad": either(bad, mem[n] <= maxg),
            "maxg": ite(maxg < mem[n], mem[n], maxg),
            "mem": mem[n] + 1,
        },
    )


@transition()
def stepdown(n: Expr, fence: Fence) -> Step:
    return Step(
        {"busy": phase[n] != PHASE.idle, "lost": negate(key(n) == n)},
        {"phase": PHASE.idle, "ld": NONE, "chk": NO, "mem": NONE, "hi": NONE},
    )


RULES: tuple[Rule, ...] = (tick, campaign, expire, load, commit, renew, grant, stepdown)


def reference(pds: int, tsos: int, end: int, clocks: int, fence: bool) -> Expander:
    """The protocol of that size."""
    transitions = [rule.under(Fence("off")) for rule in RULES]
    configuration = Configuration(
        V,
        tuple(made for made in transitions if made is not None),
        (Kind.PD,) * pds + (Kind.TSO,) * tsos,
        {"T": end, "C": clocks, "W": 2, "FENCE": int(fence)},
        relative=True,
    )
    nothing: tuple[Property, ...] = ()
    return Expander(configuration, nothing)


def start(expander: Expander, engine: str, most: int) -> Engine:
    plain = Plain(expander, [expander.layout.initial({}, {})])
    return plain if engine == "plain" else Native(plain, most)


def walk(engine: Engine) -> int:
    """Expand everything; how many levels there are."""
    first, last, levels = 0, len(engine), 0
    while first < last:
        engine.expand(first, last)
        first, last, levels = last, len(engine), levels + 1
    return levels


@pytest.mark.parametrize("engine", ["plain", "native"])
@pytest.mark.parametrize("fence", [False, True])
@pytest.mark.parametrize(
    ("size", "states", "transitions", "marked", "levels"),
    [
        ((1, 1, 8, 3), 9_364, 42_206, 1_400, None),
        ((2, 1, 8, 3), 115_260, 705_916, 24_892, (25, 27)),
        ((2, 2, 8, 3), 1_090_923, 8_598_522, 279_720, (28, 30)),
    ],
)
def test_counts(
    size: tuple[int, int, int, int],
    states: int,
    transitions: int,
    marked: int,
    levels: tuple[int, int] | None,
    fence: bool,
    engine: str,
) -> None:
    expander = reference(*size, fence)
    made = start(expander, engine, states + 100)
    deep = walk(made)
    assert (len(made), sum(made.watch.fired)) == (states, transitions)
    slot = expander.layout.slots["bad", 0]
    assert sum(state[slot] for state in made.states()) == marked
    if levels is not None:
        assert deep == levels[fence]


def test_a_step_out_of_what_a_state_can_hold_is_counted() -> None:
    found = []
    for engine in ("plain", "native"):
        made = start(reference(1, 0, 1, 300, False), engine, 10_000)
        walk(made)
        found.append((len(made), made.watch))
    assert found[0] == found[1]
    assert sum(found[0][1].cut) > 0


def test_no_room_is_an_error_and_not_a_wrong_count() -> None:
    with pytest.raises(MemoryError):
        walk(start(reference(2, 1, 8, 3, True), "native", 5_000))
