"""A proof as a certificate: its obligations as files, and what is to be said of them in the manifest."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from ...model.language.variant import Variant
from ...model.variants import fences
from ...specs.assumptions import assumption
from ...specs.constraints import Constraint
from ...specs.lemmas import Lemma
from ...specs.liveness import Liveness
from ...specs.properties import Property
from .manifest import Listed, Proof, Solver, sha256
from .ranked import task

#: the texts of a proof's files by name
Texts = Mapping[str, str]


def certificate(
    name: str,
    prop: Property | Liveness,
    lemmas: Sequence[Lemma],
    *,
    assume: Sequence[str],
    constraints: Sequence[Constraint],
    nodes: int | None,
    dropped: Sequence[tuple[str, str]],
    solver: tuple[str, str],
) -> tuple[Proof, Texts]:
    """What says that these lemmas prove the property under the fence of that name, given all the rest.

    ``solver``: name and version of the one that proved it.

    Raises:
        ValueError: an unknown fence or assumption, or a property of liveness of which no rank is known.
        KeyError: a guard to drop that does not exist.
    """
    fence: Variant = fences.whole(name)
    asked = task(fence, prop, nodes, [assumption(each) for each in assume], constraints, dropped)
    claims = tuple(asked.claim(each.name, each.meaning, each.claim) for each in lemmas)
    texts = list(asked.texts(claims))
    build, own = fences.parted(name)
    proof = Proof(
        re.sub(r"[^A-Za-z0-9_+-]", "_", f"{name}--{prop.name}"),
        own,
        build,
        prop.name,
        prop.meaning,
        asked.digest,
        "any" if nodes is None else nodes,
        tuple(assume),
        tuple(each.formula for each in constraints),
        tuple(dropped),
        Solver(*solver),
        claims,
        tuple(Listed(each.name, each.transition, sha256(each.text), each.checks) for each in texts),
        asked.given,
    )
    return proof, {each.name: each.text for each in texts}
