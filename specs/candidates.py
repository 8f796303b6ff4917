"""Lemmas that may hold under a fence nobody has proved before: what a proof tries when it has none.

None of them has to be true: those that are not kept by every step are dropped before anything rests on them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import combinations

from ..model.language.expr import BOOL, NOBODY, NODE, NOW, TIME, Expr, both, either, implies, negate
from ..model.language.vocabulary import Vocabulary
from ..model.pd import state as s
from ..model.pd.save import new_window
from ..model.pd.state import JOB, ROLE, SLOTS, Slot
from .lemmas import Lemma, shipped
from .statements import has_read, saving

#: times of a server that PD has: what is said of them is said below
_PD_S = frozenset(("physical", "saved", "next", "seen", "client_next", "client_seen"))
#: of which server: how it is said, and as an expression
_Of = tuple[str, Expr]


def known(vocabulary: Vocabulary) -> tuple[Lemma, ...]:
    """The lemmas of all fences and builds that speak of nothing which this one has not."""
    return tuple(lemma for lemma in shipped() if is_said_in(vocabulary, lemma.claim))


def guarded(lemmas: Sequence[Lemma]) -> Iterator[Lemma]:
    """The same of some servers only: of a kind, in a role, with a key."""
    for lemma in lemmas:
        if lemma.claim.op != "forall" or lemma.claim.args[0].op == "forall":
            continue
        for words, premise in _premises(Expr("bound", NODE, name=lemma.claim.name)):
            body = implies(premise, lemma.claim.args[0])
            yield Lemma(
                f"{lemma.name}, {words}",
                f"{words}: {lemma.meaning}",
                replace(lemma.claim, args=(body,)),
            )


def _premises(n: Expr) -> tuple[_Of, ...]:
    return (
        ("of a PD", negate(s.is_tso[n])),
        ("of a TSO server", s.is_tso[n]),
        ("of a leader", s.role[n] == ROLE.leader),
        ("of a server that serves", s.serving(n)),
        ("of whoever holds its key", s.election_key(n) == n),
        ("of whoever holds its key and serves", s.able_to_grant(n)),
    )


def weaker(lemmas: Sequence[Lemma]) -> Iterator[Lemma]:
    """The same where what lies before something may also be where that is."""
    for lemma in lemmas:
        if any(part.op == "<" for part in lemma.claim.walk()):
            yield Lemma(f"{lemma.name}, or equal", f"{lemma.meaning}, or equal", _or_equal(lemma.claim))


def stronger(lemmas: Sequence[Lemma]) -> Iterator[Lemma]:
    """The same without one of the conditions under which it is said."""
    for lemma in lemmas:
        for condition, claim in _said_more_often(lemma.claim):
            but = f"whether or not {condition.args[0] if condition.op == 'not' else condition}"
            yield Lemma(f"{lemma.name}, {but}", f"{lemma.meaning}, {but}", claim)


def _said_more_often(claim: Expr) -> Iterator[tuple[Expr, Expr]]:
    """Which condition is left out, and what is claimed then."""
    if claim.op not in ("forall", "and", "or"):
        return
    for at, part in enumerate(claim.args):
        if claim.op != "or":
            fewer = _said_more_often(part)
        elif part.op == "not":
            fewer = ((condition, negate(premise)) for condition, premise in _without_one(part.args[0]))
        else:
            continue
        for condition, said in fewer:
            yield condition, replace(claim, args=(*claim.args[:at], said, *claim.args[at + 1 :]))


def _without_one(premise: Expr) -> Iterator[tuple[Expr, Expr]]:
    if premise.op == "define":
        yield from _without_one(premise.args[0])
    elif premise.op == "and":
        for at, part in enumerate(premise.args):
            before, after = premise.args[:at], premise.args[at + 1 :]
            yield part, both(*before, *after)
            for condition, fewer in _without_one(part):
                yield condition, both(*before, fewer, *after)


def _or_equal(expr: Expr) -> Expr:
    return replace(expr, op="<=" if expr.op == "<" else expr.op, args=tuple(map(_or_equal, expr.args)))


def nevers(vocabulary: Vocabulary) -> Iterator[Lemma]:
    """What a variable of a PD, or of a TSO server, never is."""
    n = Expr("bound", NODE, name="a")
    for variable in vocabulary.variables.values():
        if not variable.per_server or not (variable.sort.members or variable.sort == BOOL):
            continue
        for value, member in enumerate(variable.sort.members or ("false", "true")):
            literal = Expr("literal", variable.sort, value=value)
            differs = negate(Expr("field", variable.sort, (n,), name=variable.name) == literal)
            for kind, premise in (("PD", negate(s.is_tso[n])), ("TSO server", s.is_tso[n])):
                name = f"no {kind} has {variable.name} {member}"
                yield Lemma(name, name, Expr("forall", BOOL, (implies(premise, differs),), name=n.name))


def together(vocabulary: Vocabulary) -> Iterator[Lemma]:
    """Which of all that is shared, such as keys of etcd, is never there beside another or without it."""
    shared = [each for each in vocabulary.variables.values() if not each.per_server]
    there = [
        (each.name, said if each.sort == BOOL else said != NOBODY)
        for each in shared
        if each.sort in (BOOL, NODE)
        for said in (Expr("var", each.sort, name=each.name),)
    ]
    for (first, one), (second, other) in combinations(there, 2):
        for name, claim in (
            (f"{first} never beside {second}", implies(one, negate(other))),
            (f"{first} or {second}", either(one, other)),
            (f"{first} never without {second}", implies(one, other)),
            (f"{second} never without {first}", implies(other, one)),
        ):
            yield Lemma(name, name, claim)


def orders(vocabulary: Vocabulary) -> Iterator[Lemma]:
    """Which of two times comes first, of a server's memory and of each save in flight."""
    clock = ("what every clock has passed", NOW - s.SKEW)
    key = ("the timestamp key", s.timestamp)
    noted = ("the remembered grant", s.noted_physical)
    n = Expr("bound", NODE, name="a")
    memory = [("its physical part", s.physical[n]), ("its window", s.saved[n])]
    own = [
        (f"its {each.name}", Expr("field", each.sort, (n,), name=each.name))
        for each in vocabulary.variables.values()
        if each.sort == TIME and each.per_server and not each.deadline and each.name not in _PD_S
    ]
    yield from _ordered([*memory, *own, key, clock, noted], n, [("memory is set", s.initialised[n])])
    for slot in SLOTS:
        whose = "its save" if not slot.prefix else "a client's sync"
        places = [
            (f"what {whose} has read", slot.seen[n]),
            (f"where {whose} goes on", slot.next[n]),
            (f"what {whose} saves", new_window(n, slot)),
        ]
        yield from _ordered([*places, *memory, key, clock], n, _stages(n, slot, whose))


def _stages(n: Expr, slot: Slot, whose: str) -> list[_Of]:
    stages = [(f"{whose} is in flight", saving(n, slot)), (f"{whose} has read", has_read(n, slot))]
    if slot.prefix:
        return stages
    syncs = slot.job[n] == JOB.sync
    return [
        (f"{when}, of {kind}", both(of_kind, stage))
        for when, stage in stages
        for kind, of_kind in (("a sync", syncs), ("an update", negate(syncs)))
    ]


def _ordered(times: Sequence[_Of], n: Expr, premises: Sequence[_Of]) -> Iterator[Lemma]:
    for first, before in times:
        for second, after in times:
            if first == second:
                continue
            for when, premise in premises:
                for how, order in (("at most", before <= after), ("below", before < after)):
                    name = f"{first} {how} {second}, if {when}"
                    body = implies(premise, order)
                    yield Lemma(name, name, Expr("forall", BOOL, (body,), name=n.name))


def is_said_in(vocabulary: Vocabulary, claim: Expr) -> bool:
    """Does it speak of what there is?"""
    there = {"now", *vocabulary.variables, *vocabulary.facts}
    return all(part.name in there for part in claim.walk() if part.op in ("var", "field"))
