"""Steps that a search may take at once, because nobody can tell when they are taken.

Such a step is the next one of a save in flight and writes nothing but its own server's variables.  Either the
save *goes on*: it has found a key as it should be.  Or it *fails*, with the effect of any other failure.
Which steps of a system could be so, and when, is read off its transitions (`candidates`); which are, is
proved:

Let S be a state of the system in which every step is taken at its own time, T one of the search.  They are
*alike* if they agree in everything, but that in T a save may be ahead: T has what becomes of S by some steps
that may be taken at once, each without those of its guards that somebody else may have turned meanwhile (for
a save that goes on, all that is said of more than its own server: that is found out later, and the save fails
all the same; for one that fails, only whether etcd answers).  Besides, what a process that is gone has on its
way in T need not be on its way in S.  Shown are, for any number of servers:

- *closed*: if T takes one of its steps at once, S and T are alike as before;
- *followed*: whatever step S takes, T takes the same one, or none, or some steps of that save which lead to
  a state alike (they are looked for where z3 finds no other way), none of which a scenario limits;
- *judged*: a step that breaks a property is taken by T as well, and breaks it there;
- *through*: the steps that are taken at once are tried once, one after the other; then none is left.

So the search, whose runs are runs of the system, comes to every violation.  (It may not come to every step
that tests a property: then that is called vacuous where it holds.)  What of this fails for a candidate makes
its condition narrower, or the candidate is not used.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ...model.language.expr import BOOL
from ...model.language.instance import Configuration, Merge
from ...specs.invariants import CLAIMS
from ...specs.properties import PROPERTIES, Property
from . import kept
from .candidates import Candidate, candidates, happening
from .reduction import Reduction
from .system import spelled

#: changes whenever something else might be shown of the same system
METHOD = 1

#: what this process has shown or read
_found: dict[str, Merging] = {}


@dataclass(frozen=True, slots=True)
class Merging:
    """What may be taken at once, as a search uses it and as it was shown, and how that is known."""

    merges: tuple[Merge, ...]
    steps: tuple[Candidate, ...]
    reduction: Reduction

    def of(self, configuration: Configuration) -> Configuration:
        """The same configuration, in which a search may take them at once."""
        return replace(configuration, merges=self.merges)


#: what there is if nobody waited
UNMERGED = Merging((), (), Reduction("merging", proved=False, note="nothing was shown to the end"))


def prove(
    configuration: Configuration,
    properties: Sequence[Property] = (),
    *,
    wait: bool = True,
    progress: Callable[[str], None] | None = None,
) -> Merging:
    """What a search may take at once in that system, if it begins unused and is asked for these properties,
    or for any that there are; kept from an earlier time, or found now.

    ``progress`` is told now and then how far that is.  Without ``wait`` nothing is looked for.

    Raises:
        KeyboardInterrupt: Ctrl-C while it was looked for.
    """
    digest = digest_of(configuration, properties)
    if digest not in _found:
        made = kept.read_json(digest)
        found = None if made is None else _read(configuration, made, old=True)
        if found is None and not wait:
            return UNMERGED
        if found is None:
            made = look_for(configuration, every(properties), progress or (lambda _: None))
            kept.write_json(digest, made)
            found = _read(configuration, made, old=False)
        _found[digest] = found or UNMERGED
    return _found[digest]


def digest_of(configuration: Configuration, properties: Sequence[Property] = ()) -> str:
    """Under which it is kept."""
    return kept.digest(_text(configuration, every(properties)))


def every(properties: Sequence[Property] = ()) -> list[Property]:
    """All properties that there are, and these."""
    return list({prop.name: prop for prop in (*PROPERTIES, *properties)}.values())


def look_for(
    configuration: Configuration, properties: Sequence[Property], progress: Callable[[str], None]
) -> dict[str, Any]:
    """What `prove` keeps, found anew."""
    # what needs z3 is only imported where something has to be shown
    from ..interruption import deferred
    from .questions import OpenSystem
    from .simulation import Shown, followed

    began, note = time.process_time(), ""
    with deferred():
        try:
            system = OpenSystem(configuration, properties)
            means = system.transitions[0].means
            claims = {name: means(claim) for name, claim in CLAIMS.items()}
            shown = followed(system, claims, properties, progress)
        except ValueError as error:
            shown, note = Shown((), (), 0), str(error)
    known = candidates(happening(configuration), configuration.vocabulary.variables)
    numbers = {_key(each): number for number, each in enumerate(known)}
    used = {each.name for each in shown.steps}
    names = dict.fromkeys(each.name for each in shown.refused if each.name not in used)
    return {
        "steps": [[numbers[_key(each)], each.narrowings] for each in shown.steps],
        "obligations": shown.asked,
        "seconds": round(time.process_time() - began, 2),
        "note": note or (f"not shown for {', '.join(names)}" if names else ""),
    }


def _key(candidate: Candidate) -> tuple[str, str]:
    return candidate.name, " ".join(map(spelled, candidate.kept))


def _read(configuration: Configuration, made: Any, *, old: bool) -> Merging | None:
    """What `look_for` made; None: it is something else."""
    known = candidates(happening(configuration), configuration.vocabulary.variables)
    steps = []
    try:
        for number, narrowings in made["steps"]:
            step: Candidate | None = known[number]
            for _ in range(narrowings):
                step = None if step is None else step.narrowed()
            if step is None:
                return None
            steps.append(step)
        seconds, note = float(made["seconds"]), str(made["note"])
        reduction = Reduction("merging", bool(steps), int(made["obligations"]), seconds, old, note)
    except (KeyError, TypeError, ValueError, IndexError):
        return None
    return Merging(tuple(each.merge() for each in steps), tuple(steps), reduction)


def _text(configuration: Configuration, properties: Sequence[Property]) -> Iterator[str]:
    """All on which it depends what can be shown: no times, and no numbers of servers."""
    yield f"merging {METHOD}"
    facts = configuration.known.facts
    sorts = configuration.vocabulary.facts
    told = {name: values for name, values in facts.items() if name not in sorts or sorts[name].sort is BOOL}
    yield repr(list(told)) + repr(sorted(set(zip(*told.values(), strict=True))))
    yield repr([name for name, values in facts.items() if name not in told and min(values) < 1])
    yield repr(list(configuration.vocabulary.variables.items()))
    transitions = happening(configuration)
    switches = {
        (part.name, configuration.constants[part.name])
        for each in transitions
        for expr in (*each.step.guard.values(), *each.step.effect.values())
        for part in expr.walk()
        if part.op == "param" and part.sort is BOOL
    }
    yield repr(sorted(switches))
    yield repr([configuration.constants[name] > 0 for name in ("unit", "guard")])
    for step in candidates(transitions, configuration.vocabulary.variables):
        conditions = (*step.when, *step.kept, *step.narrower)
        yield f"{step.name} {step.fails} {' '.join(map(spelled, conditions))}"
    for each in transitions:
        yield repr((each.name, each.rule.kind.name, each.rule.budget, len(each.rule.inputs)))
        yield from (f"{label}: {spelled(guard)}" for label, guard in each.step.guard.items())
        yield from (f"{name}: {spelled(value)}" for name, value in each.step.effect.items())
        for prop in properties:
            for judge in (prop.broken_by, prop.tested_by):
                said = judge(each)
                if said is not None:
                    yield f"{prop.name}: {spelled(said)}"
        yield from (f"{name}: {spelled(each.means(claim))}" for name, claim in CLAIMS.items())
