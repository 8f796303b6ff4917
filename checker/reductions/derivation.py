"""The least table that can be found: begin with none, and let each counterexample add what tells the two
states apart.  (Counterexample-guided refinement; what it finds is proved again from the beginning.)

Which atoms are added is a choice, always the same one: distances from now are done without first, then those
between servers, then those to the cluster's variables, and of a pair those furthest apart.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import z3

from ...model.language.expr import DURATION, Expr
from ...model.language.past import Forget, Pair
from ...model.language.smt import Term
from ..interruption import heed
from .invariants import Keeping, candidates
from .kept import Entry
from .obligations import Goal, Obligation, obligations
from .proof import Obligations, Plan, prove
from .relation import Atom, Invariant, Label, Relation, as_table
from .system import System

#: of z3: the same answers each time
_SAME = {"random_seed": 0, "arith.solver": 2}
#: seconds of work for the proof of what was found
_PROVING = 60.0
#: no threshold further than this is looked for
_MOST = 48


class Stuck(Exception):
    """No distance helps; ``goal`` does not follow."""

    def __init__(self, obligation: str, goal: Goal | None) -> None:
        super().__init__(obligation if goal is None else f"{obligation}: {_spelled(goal.label)}")
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
        self._solver.set(**_SAME)
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
        self, table: Sequence[Atom], after: Sequence[Atom], invariants: Sequence[Invariant]
    ) -> tuple[Goal, z3.ModelRef] | None:
        """A goal that does not follow; of those that were shown to, only those are looked at again of which
        something is missing now that they were shown from.  ``after``: the table that counts afterwards."""
        names = [each.name for each in invariants]
        given = {*map(str, table), *(f"invariant {name}" for name in names)}
        goals = [
            goal
            for goal in self.obligation.goals(after, invariants)
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

    def shown_from(
        self,
        table: Sequence[Atom],
        after: Sequence[Atom],
        invariants: Sequence[Invariant],
        about: Collection[Atom | None],
    ) -> frozenset[str]:
        """What the goals that are part of these atoms (None: of none) follow from, by name."""
        goals = [goal for goal in self.obligation.goals(after, invariants) if goal.atom in about]
        if not goals:
            return frozenset()
        if self.ask(table, [each.name for each in invariants], self.fails(goals)):
            raise AssertionError(f"{self.name} does not hold any more")
        self._shown.update(dict.fromkeys((goal.label for goal in goals), self._core))
        return self._core


class Derivation:
    """A table in the making, for a relation that forgets something or nothing.

    ``below``: the table for one step less that spends (see `System.spends`), None: for none any more.
    """

    def __init__(
        self, task: Task, forgets: Sequence[Forget], last: Derivation | None, below: Sequence[Atom] | None
    ) -> None:
        """``last``: the one before this one, which it goes on from."""
        self.relation = Relation(task.system, task.system.forgotten(forgets), task.flag)
        every = candidates(self.relation, task.claims)
        self.forgets = tuple(dict.fromkeys(each.name for each in self.relation.forgotten))
        #: by atom, the name of the obligation that needed it first
        self.why: dict[Atom, str] = {} if last is None else dict(last.why)
        self.table: list[Atom] = [] if last is None else list(last.table)
        self._task, self._most = task, _furthest(task.system)
        self.keeping: Keeping = Keeping(self.relation, every) if last is None else last.keeping
        #: the names of the invariants that are used
        self.kept: list[str] = self.keeping.largest(
            [each.name for each in every] if last is None or below is None else last.kept
        )
        self._every = every
        self._below = below
        todo = [each for each in obligations(self.relation) if below is not None or not each.spends]
        self._questions = [Question(obligation, every) for obligation in todo]

    @property
    def invariants(self) -> list[Invariant]:
        """What is used."""
        return [each for each in self._every if each.name in self.kept]

    def _failing(self, question: Question, table: Sequence[Atom]) -> tuple[Goal, z3.ModelRef] | None:
        return question.failing(table, self._after(question, table), self.invariants)

    def _after(self, question: Question, table: Sequence[Atom]) -> Sequence[Atom]:
        """The table that counts after such a step."""
        return self._below if question.obligation.spends and self._below is not None else table

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
                self._task.told(f"{len(self.table)} distances found, step {number} of {len(self._questions)}")
                self._on_time()
                while (found := self._failing(question, self.table)) is not None:
                    self._on_time()
                    changed = True
                    try:
                        needed = self._needed(question, *found)
                    except Stuck as stuck:
                        what, name = ("", "") if stuck.goal is None else stuck.goal.label[:2]
                        if what != "invariant":
                            raise
                        left = [each for each in self.kept if each != name]
                        self.kept = self.keeping.largest(left)
                        continue
                    self.table += needed
                    self.why.update(dict.fromkeys(needed, question.name))

    def minimise(self) -> None:
        """Do without atoms that nothing needs, and with less where that is enough."""
        fixed = set(self._below or ())
        for atom in list(reversed(self.table)):
            if any(atom[0] == about and atom[1] < far for about, far in self.table if isinstance(about, str)):
                self.table.remove(atom)  # another says as much
        self._sweep(fixed)
        before = None
        # what only another atom needed may go once that one has gone
        while before != self.table:
            before = self.table
            for atom in [each for each in reversed(self.table) if each not in fixed]:
                why, least = self.why.get(atom), atom
                while least not in fixed and self._enough(less := _lowered(self.table, least), why):
                    self.table = less
                    if not isinstance(least[0], str) or least[1] == 1:
                        break
                    least = least[0], least[1] - 1
                    self.why.setdefault(least, why or "")

    def _sweep(self, fixed: set[Atom]) -> None:
        """Do without atoms that only they themselves need, and each other; but for these."""
        names = {str(atom): atom for atom in self.table}
        needed = fixed & set(self.table)
        pending: set[Atom | None] = {None, *needed}
        while pending:
            self._on_time()
            found: set[Atom] = set()
            for question in self._questions:
                after = self._after(question, self.table)
                used = question.shown_from(self.table, after, self.invariants, pending)
                found |= {names[name] for name in used if name in names}
            pending = {*(found - needed)}
            needed |= found
        self.table = [atom for atom in self.table if atom in needed]

    def _enough(self, table: Sequence[Atom], likely: str | None) -> bool:
        """Does every obligation hold for that table?  ``likely``: the one that may well not."""
        self._on_time()
        questions = sorted(self._questions, key=lambda each: each.name != likely)
        return all(self._failing(question, table) is None for question in questions)

    def _on_time(self) -> None:
        if time.process_time() > self._task.until:
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
            return not question.ask([*self.table, *atoms], self.kept, *wanted)

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


@dataclass(frozen=True, slots=True)
class Task:
    """For what a table is looked for, ``until`` when (of this process's time); ``told`` hears how far."""

    system: System
    flag: str
    forgets: Sequence[Forget]
    claims: Sequence[tuple[str, Expr]]
    until: float
    told: Callable[[str], None]


def found(task: Task) -> Entry:
    """A table, proved.

    First for a relation that forgets nothing: what that needs is few; then with what may be forgotten, as far
    as that can be proved.  Where steps spend (`System.spends`), first for none of them left, then for one.
    """
    began = time.monotonic()
    most = task.system.most_spent
    notes: list[str] = []
    levels: list[Derivation] = []
    forgets = task.forgets
    try:
        if most is None:
            raise Stuck("steps that move a time as far as somebody chooses, without a limit", None)
        while len(levels) <= most:
            made, forgets, note = _level(task, forgets, levels[-1] if levels else None)
            levels.append(made)
            notes += filter(None, [note])
    except Stuck as stuck:
        return _nothing(f"no table was found: {stuck}", began)
    except OutOfTime as late:
        return replace(_nothing(f"no table was found: {late}", began), late=True)
    names = tuple(name for name in levels[-1].kept if all(name in level.kept for level in levels))
    plan = Plan(tuple(tuple(sorted(level.table, key=repr)) for level in levels), levels[-1].forgets, names)
    todo = Obligations(task.system, plan, flag=task.flag, forgets=task.forgets, claims=task.claims)
    proof = prove(todo, task.told, time.process_time() + _PROVING)
    if proof.failed:
        return _nothing(f"not proved: {', '.join(proof.failed[:3])}", began)
    every = [each.name for each in candidates(todo.relation, task.claims)]
    without = tuple(name for name in every if name not in names)
    tables = tuple(as_table(atoms, task.system) for atoms in plan.levels)
    hurried = time.process_time() > task.until
    return Entry(tables, plan.forgets, without, proof.obligations, proof.seconds, "; ".join(notes), hurried)


def _nothing(note: str, began: float) -> Entry:
    return Entry((), (), (), 0, time.monotonic() - began, note)


def _level(
    task: Task, forgets: Sequence[Forget], last: Derivation | None
) -> tuple[Derivation, Sequence[Forget], str]:
    """One table more, what may be forgotten with it, and what has to be said of that."""
    below = None if last is None else last.table
    note = ""
    made = Derivation(task, () if last is None else forgets, last, below)
    made.refine()
    if last is None:
        tries = [forgets[:many] for many in range(len(forgets), 0, -1)]
        for used in tries if task.system.forgotten(forgets) else ():
            try:
                more = Derivation(task, used, made, below)
                more.refine()
            except Stuck as stuck:
                note = f"less is forgotten than could be: {stuck}"
            except OutOfTime as late:
                note = f"nothing is forgotten: {late}"
                break
            else:
                made, forgets = more, used
                break
        else:
            forgets = ()
    try:
        made.minimise()
    except OutOfTime:
        note = note or "the table may be larger than it need be"
    return made, forgets, note


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


def _spelled(label: Label) -> str:
    return " ".join(" ".join(map(str, each)) if isinstance(each, tuple) else str(each) for each in label)


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
