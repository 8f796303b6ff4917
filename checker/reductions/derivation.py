"""The least table that can be found: begin with none, and let each counterexample add what tells the two
states apart.  (Counterexample-guided refinement; what it finds is proved again from the beginning.)

Which atoms are added is a choice, always the same one: distances from now are done without first, then those
between servers, then those to the cluster's variables, and of a pair those furthest apart.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import z3

from ...model.language.expr import DURATION, Expr
from ...model.language.past import Forget, Pair
from ...model.language.smt import Term
from ..proof.interruption import heed
from .invariants import Keeping, candidates
from .kept import Entry
from .obligations import Goal, Obligation, obligations
from .proof import Obligations, Plan, prove
from .relation import Atom, Invariant, Label, Relation, as_table
from .system import System

#: no threshold further than this is looked for
_MOST = 48


class Stuck(Exception):
    """No distance helps; ``goal`` does not follow."""

    def __init__(self, obligation: str, goal: Goal) -> None:
        super().__init__(f"{obligation}: {goal.label}")
        self.goal = goal


class OutOfTime(Exception):
    """It took too long, or z3 gave up."""

    def __init__(self) -> None:
        super().__init__("it took too long")


class Question:
    """An obligation in a solver of its own, which is asked again and again."""

    def __init__(self, obligation: Obligation, invariants: Sequence[Invariant]) -> None:
        self.obligation = obligation
        self.name = obligation.name
        self._solver = z3.SimpleSolver()
        self._solver.add(*obligation.premises())
        self._names = {each.name: z3.Bool(f"invariant {each.name}") for each in invariants}
        for each in invariants:
            self._solver.add(z3.Implies(self._names[each.name], obligation.invariant(each)))
        self._atoms: dict[Atom, Term] = {}
        self._failing: dict[Label, Term] = {}
        self._asked = 0
        self._model: Any = None
        #: what each goal that was shown to follow was shown from, by name
        self._shown: dict[Label, frozenset[str]] = {}

    def _atom(self, atom: Atom) -> Term:
        """The name under which an atom may be taken for granted."""
        if atom not in self._atoms:
            self._atoms[atom] = z3.Bool(str(atom))
            self._solver.add(z3.Implies(self._atoms[atom], self.obligation.known(atom)))
        return self._atoms[atom]

    def fails(self, goals: Sequence[Goal]) -> Term:
        """The name under which one of these does not follow."""
        for goal in goals:
            if goal.label not in self._failing:
                self._failing[goal.label] = z3.Bool(f"fails {goal.label}")
                self._solver.add(z3.Implies(self._failing[goal.label], goal.fails))
        named = [self._failing[goal.label] for goal in goals]
        if len(named) == 1:
            return named[0]
        self._asked += 1
        some = z3.Bool(f"one of {self._asked}")
        self._solver.add(z3.Implies(some, z3.Or(named)))
        return some

    def ask(self, atoms: Iterable[Atom], invariants: Iterable[str], *wanted: Term) -> bool:
        """Is there such a pair of states?  All is asked by name: z3 keeps what it has learned.

        Raises:
            OutOfTime: z3 gave up.
        """
        heed()
        names = [*(self._names[name] for name in invariants), *map(self._atom, atoms)]
        answer = self._solver.check(*names, *wanted)
        self._model = self._solver.model() if answer == z3.sat else None
        core = self._solver.unsat_core() if answer == z3.unsat else ()
        self._core = frozenset(map(_name, core))
        if answer == z3.unknown:
            raise OutOfTime
        return bool(answer == z3.sat)

    def failing(
        self, table: Sequence[Atom], invariants: Sequence[Invariant]
    ) -> tuple[Goal, z3.ModelRef] | None:
        """A goal that does not follow; of those that were shown to, only those are looked at again of which
        something is missing now that they were shown from."""
        names = [each.name for each in invariants]
        given = {*map(str, table), *(f"invariant {name}" for name in names)}
        goals = [
            goal
            for goal in self.obligation.goals(table, invariants)
            if goal.label not in self._shown or not self._shown[goal.label] <= given
        ]
        if not goals:
            return None
        if not self.ask(table, names, self.fails(goals)):
            self._shown.update(dict.fromkeys((goal.label for goal in goals), self._core))
            return None
        model = self._model
        for goal in goals:
            if not z3.is_true(model.eval(goal.claim, model_completion=True)):
                return goal, model
        raise AssertionError("a model refutes no goal")


class Derivation:
    """A table in the making, for a relation that forgets something or nothing."""

    def __init__(
        self,
        system: System,
        flag: str,
        forgets: Sequence[Forget],
        claims: Sequence[tuple[str, Expr]],
        *,
        start: Sequence[Atom] = (),
        until: float,
        told: Callable[[str], None],
        keeping: Keeping | None = None,
    ) -> None:
        self.relation = Relation(system, system.forgotten(forgets), flag)
        every = candidates(self.relation, claims)
        self.forgets = tuple(dict.fromkeys(each.name for each in self.relation.forgotten))
        self.table = list(start)
        self._until, self._told, self._most = until, told, _furthest(system)
        self.keeping = keeping or Keeping(self.relation, every)
        self._kept = self.keeping.largest([each.name for each in every])
        self._every = every
        self._questions = [Question(obligation, every) for obligation in obligations(self.relation)]
        #: by atom, where it was needed first
        self._why: dict[Atom, Question] = {}

    @property
    def invariants(self) -> list[Invariant]:
        """What is used."""
        return [each for each in self._every if each.name in self._kept]

    @property
    def plan(self) -> Plan:
        """What has been found."""
        return Plan(tuple(sorted(self.table, key=repr)), self.forgets, tuple(self._kept))

    def refine(self) -> None:
        """Add atoms until every obligation holds; do without an invariant that folding cannot keep.

        Raises:
            Stuck: no atom helps.
            OutOfTime: it took too long.
        """
        changed = True
        while changed:
            changed = False
            for number, question in enumerate(self._questions, 1):
                self._told(f"{len(self.table)} distances found, step {number} of {len(self._questions)}")
                while (found := question.failing(self.table, self.invariants)) is not None:
                    self._on_time()
                    changed = True
                    try:
                        needed = self._needed(question, *found)
                    except Stuck as stuck:
                        if stuck.goal.label[0] != "invariant":
                            raise
                        left = [name for name in self._kept if name != stuck.goal.label[1]]
                        self._kept = self.keeping.largest(left)
                        continue
                    self.table += needed
                    self._why.update(dict.fromkeys(needed, question))

    def minimise(self) -> None:
        """Do without atoms that nothing needs, and with less where that is enough."""
        for atom in list(reversed(self.table)):
            if any(atom[0] == about and atom[1] < far for about, far in self.table if isinstance(about, str)):
                self.table.remove(atom)  # another says as much
        for atom in list(reversed(self.table)):
            why, least = self._why.get(atom), atom
            while self._enough(less := _lowered(self.table, least), why):
                self.table = less
                if not isinstance(least[0], str) or least[1] == 1:
                    break
                least = least[0], least[1] - 1

    def _enough(self, table: Sequence[Atom], likely: Question | None) -> bool:
        """Does every obligation hold for that table?  ``likely``: the one that may well not."""
        self._on_time()
        questions = sorted(self._questions, key=lambda each: each is not likely)
        return all(question.failing(table, self.invariants) is None for question in questions)

    def _on_time(self) -> None:
        if time.process_time() > self._until:
            raise OutOfTime

    def _needed(self, question: Question, goal: Goal, model: z3.ModelRef) -> list[Atom]:
        """Few atoms with which the goal follows.

        Raises:
            Stuck: none do.
        """
        wanted, flag = [question.fails([goal])], None
        if self.relation.flagged:
            term = question.obligation.one.values[self.relation.flag]
            flag = z3.is_true(model.eval(term, model_completion=True))
            wanted.append(term if flag else z3.Not(term))

        def enough(atoms: list[Atom]) -> bool:
            return not question.ask([*self.table, *atoms], self._kept, *wanted)

        among = self._candidates(goal, flag)
        if not among or not enough(among):
            raise Stuck(question.name, goal)
        return _least([], among, enough, changed=False)

    def _candidates(self, goal: Goal, flag: bool | None) -> list[Atom]:
        """Atoms about the places of which a goal speaks, the ones best done without first."""
        spoken = _constants(goal.claim)
        inside = {
            key
            for key in self.relation.system.times
            if {f"{key[0]} {key[1]} one", f"{key[0]} {key[1]} other"} & spoken
        }
        known = set(self.table)
        found: list[Atom] = []
        if "now" in spoken:
            for name in dict.fromkeys(self.relation.system.name(key) for key in sorted(inside)):
                least = max((far for about, far in known if about == name), default=0)
                found += [(name, far) for far in range(self._most, least, -1)]
        pairs = [
            pair
            for pair, keys in self.relation.pairs.items()
            if pair[3] == bool(flag) and any({*each} <= inside for each in keys)
        ]
        for pair in sorted(pairs, key=_liked):
            found += [(pair, far) for far in range(self._most, 0, -1) if (pair, far) not in known]
        return found


def found(
    system: System,
    flag: str,
    forgets: Sequence[Forget],
    claims: Sequence[tuple[str, Expr]],
    *,
    until: float,
    progress: Callable[[str], None],
) -> Entry:
    """A table for a system, proved; ``until`` (of this process's time) it is looked for.

    First for a relation that forgets nothing: what that needs is few; then with what may be forgotten, as far
    as that can be proved.
    """
    began = time.monotonic()
    settled: Derivation | None = None
    note = ""
    tries = [forgets[:many] for many in range(len(forgets), 0, -1)]
    try:
        settled = _derived(system, flag, (), claims, (), until, progress)
        for used in tries if system.forgotten(forgets) else ():
            try:
                settled = _derived(
                    system, flag, used, claims, settled.table, until, progress, settled.keeping
                )
                break
            except Stuck as stuck:
                note = f"less is forgotten than could be: {stuck}"
        settled.minimise()
    except (Stuck, OutOfTime) as error:
        why = f"no table was found: {error}" if settled is None else f"less was looked for: {error}"
        note = why
    if settled is None:
        return Entry(False, {}, {}, (), (), 0, time.monotonic() - began, note)
    plan = settled.plan
    todo = Obligations(system, plan, flag=flag, forgets=forgets, claims=claims)
    proof = prove(todo, progress)
    table = as_table(plan.atoms, system)
    every = [each.name for each in candidates(todo.relation, claims)]
    without = tuple(name for name in every if name not in plan.invariants)
    if proof.failed:
        note = f"not proved: {', '.join(proof.failed[:3])}"
    return Entry(not proof.failed, *table, plan.forgets, without, proof.obligations, proof.seconds, note)


def _derived(
    system: System,
    flag: str,
    forgets: Sequence[Forget],
    claims: Sequence[tuple[str, Expr]],
    start: Sequence[Atom],
    until: float,
    told: Callable[[str], None],
    keeping: Keeping | None = None,
) -> Derivation:
    made = Derivation(system, flag, forgets, claims, start=start, until=until, told=told, keeping=keeping)
    made.refine()
    return made


def _furthest(system: System) -> int:
    """No threshold further than this is tried: further than what steps add and compare, all together."""
    deadlines = set(system.deadlines)
    said = [guard for instance in system.instances for guard in instance.guard.values()]
    said += [
        value
        for instance in system.instances
        for key, value in instance.effect.items()
        if key not in deadlines
    ]
    found = {
        expr.value for each in said for expr in each.walk() if expr.op == "literal" and expr.sort is DURATION
    }
    return min(2 + sum(value for value in found if value > 0), _MOST)


def _lowered(table: Sequence[Atom], atom: Atom) -> list[Atom]:
    """The table without an atom, or with a distance from now that is less by one."""
    about, far = atom
    less = [each for each in table if each != atom]
    return [*less, (about, far - 1)] if isinstance(about, str) and far > 1 else less


def _least(
    taken: list[Atom], among: list[Atom], enough: Callable[[list[Atom]], bool], *, changed: bool
) -> list[Atom]:
    """Of these atoms the fewest that are enough with those taken; the first ones are best done without.

    (QuickXplain; U. Junker, 2004.)
    """
    if changed and enough(taken):
        return []
    if len(among) == 1:
        return among
    middle = len(among) // 2
    disliked, liked = among[:middle], among[middle:]
    needed = _least([*taken, *liked], disliked, enough, changed=True)
    return needed + _least([*taken, *needed], liked, enough, changed=bool(needed))


def _name(term: Term) -> str:
    return str(term.decl().name())


def _liked(pair: Pair) -> int:
    upper, lower, same, _ = pair
    return 2 if same else 0 if "@" in upper and "@" in lower else 1


def _constants(term: Term) -> set[str]:
    """The names of the unknowns in a term."""
    found, seen, todo = set(), set(), [term]
    while todo:
        each = todo.pop()
        if each.get_id() not in seen:
            seen.add(each.get_id())
            if each.num_args() == 0 and each.decl().kind() == z3.Z3_OP_UNINTERPRETED:
                found.add(each.decl().name())
            todo.extend(each.children())
    return found
