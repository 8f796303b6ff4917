"""Properties of somebody's own: ``./mine.py:NAME``, a `Property` or a `Liveness` in a Python file; lemmas."""

from __future__ import annotations

from ..model.language.choice import no_such
from ..model.language.expr import Expr, condition
from ..model.language.transition import Kind
from ..model.variants import fences
from ..model.variants.own import SUFFIX, OwnError, blaming, module
from . import liveness, properties
from .lemmas import Lemma
from .liveness import Liveness, named_steps
from .properties import Property

#: the files that own properties come from, by the property's name
_FILES: dict[str, str] = {}


def files() -> tuple[str, ...]:
    """What was asked for so far, for another process to `take`."""
    return tuple(_FILES.values())


def is_from_file(name: str) -> bool:
    """Does a property of that name come from a file that was asked for?"""
    return name in _FILES


def take(asked: str) -> str:
    """The name of what a file holds, which is known from then on; any other name as it is.

    Raises:
        ValueError: a file that cannot be used; the message is one line.
    """
    path, colon, name = asked.rpartition(":")
    if asked.endswith(SUFFIX):
        raise OwnError(f"{asked}: expected FILE{SUFFIX}:NAME, the name of a property in that file")
    if not colon or not path.endswith(SUFFIX):
        return asked
    found = vars(module(path)).get(name)
    if not isinstance(found, Property | Liveness):
        there = [key for key, value in vars(module(path)).items() if isinstance(value, Property | Liveness)]
        raise OwnError(f"{path}: no property {name!r}; there are: {', '.join(there) or 'none'}")
    if found.name in (*properties.NAMES, *liveness.NAMES) or _FILES.get(found.name, asked) != asked:
        raise OwnError(f"{path}: there is a property {found.name!r} already; choose another name")
    with blaming(path):
        _try(found)
    if isinstance(found, Property):
        properties.add(found)
    else:
        liveness.add(found)
    _FILES[found.name] = asked
    return found.name


def _try(found: Property | Liveness) -> None:
    """Ask it of every step that there is, before a search or a proof needs the answers.

    Raises:
        Exception: it fails, or says something that is no condition.
    """
    if isinstance(found, Property):
        judges = {"broken_by": found.broken_by, "tested_by": found.tested_by}
    else:
        judges = {"reached_by": found.reached_by, "repeated": found.repeated or named_steps()}
        for each in ("premise", "during", "goal"):
            condition(getattr(found, each), each)
    for transition in fences.every_step():
        for name, judge in judges.items():
            if (said := judge(transition)) is None:
                continue
            condition(said, f"{name} of {transition.name}")
            if transition.rule.kind is Kind.CLUSTER and _speaks_of_one(said):
                said_of = f"{name} of {transition.name}"
                raise ValueError(f"{said_of} speaks of SELF, but no server takes that step; give None for it")


def _speaks_of_one(expr: Expr, names: frozenset[str] = frozenset()) -> bool:
    """Of a server that it has not introduced."""
    if expr.op in ("forall", "exists"):
        names |= {expr.name}
    one = expr.op == "bound" and expr.name not in names
    return one or any(_speaks_of_one(arg, names) for arg in expr.args)


def lemmas(path: str) -> tuple[Lemma, ...]:
    """The lemmas in a file: every `Lemma` in it, alone or in a tuple or list.

    Raises:
        ValueError: it cannot be used, or has none, or one of them says nothing of a state; the message is one
            line.
    """
    found: dict[str, Lemma] = {}
    for value in vars(module(path)).values():
        for each in value if isinstance(value, tuple | list) else (value,):
            if isinstance(each, Lemma):
                with blaming(path):
                    _says_of_a_state(each)
                if found.setdefault(each.name, each) is not each:
                    raise OwnError(
                        f"{path}: two lemmas are called {each.name!r}; choose another name for one"
                    )
    if not found:
        raise OwnError(f"{path}: no Lemma in it; see docs/lemmas.md")
    return tuple(found.values())


def _says_of_a_state(lemma: Lemma) -> None:
    """A lemma is true or false in a state, whatever step comes next.

    Raises:
        ValueError: it speaks of a step, of a server that it has not introduced, or of one that there is for
            each.
    """
    from ..model.language.smt import existing  # it comes with z3, which takes long to import

    condition(lemma.claim, f"lemma {lemma.name!r}")
    _bound(lemma, lemma.claim, frozenset())
    existing(lemma.claim)
    existing(lemma.claim, [False])


def _bound(lemma: Lemma, expr: Expr, names: frozenset[str]) -> None:
    if expr.op in ("forall", "exists"):
        names |= {expr.name}
    if expr.op == "input" or (expr.op == "bound" and expr.name not in names):
        raise ValueError(f"lemma {lemma.name!r} speaks of {expr.name}, which is of a step; say forall(…)")
    for arg in expr.args:
        _bound(lemma, arg, names)


def known(name: str) -> None:
    """A property, of safety or of liveness.

    Raises:
        ValueError: it is neither; the message lists what there is.
    """
    there = (*properties.known(), *liveness.known())
    if name not in there:
        said = no_such("property", name, there, "tsofence list properties")
        raise ValueError(f"{said}; one of your own is ./mine.py:NAME")
