"""What the page of a run shows: rows and arrows, the state at each step, what else could have happened."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from difflib import SequenceMatcher
from itertools import chain

from ...checker.run import Frame, Run
from ...model.language.transition import SELF
from ...model.pd import state as s
from ...model.pd.state import ROLE, SLOTS, STAGE, Slot
from ..runs.rerun import Judged
from ..story.because import Part, Sentence, names_step
from ..story.otherwise import MOST_STEPS, Options, Otherwise
from ..story.telling import Change, Lane, Step, Taken, story_of, take, words_of
from ..story.words import To

#: what of a server is always shown; the rest where it is not as in a cluster that was never used
ALWAYS = ("is", "lease", "window", "physical", "logical", "save")
#: so many letters of a time fit its column
_SHORT = 6
#: of the steps that break a property, so many are named
_FEW = 12
_ABLE = s.able_to_grant(SELF)
_STEP = re.compile(r"\b(step [0-9]{1,9})\b")
_TOKEN = re.compile(r"\w+(?:[+.-]\w+)*|\W")


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a value; ``new``: it was not in the value before."""

    text: str
    new: bool


@dataclass(frozen=True, slots=True)
class Shown:
    """A change, with what is new in the value marked."""

    name: str
    before: str
    after: tuple[Piece, ...]


@dataclass(frozen=True, slots=True)
class Arrow:
    """A message between the server that takes the step and etcd, so many lanes ``apart``."""

    answer: bool
    lost: bool
    apart: int


@dataclass(frozen=True, slots=True)
class Cell:
    """What a step is in one lane: ``life`` is what the server is after it (see `_life`)."""

    life: str
    changes: tuple[Shown, ...]


@dataclass(frozen=True, slots=True)
class Row:
    """One step.  ``causal``: it has a part in the cause; ``state``: each lane's after it, by name."""

    step: Step
    causal: bool
    arrows: tuple[Arrow, ...]
    cells: tuple[Cell, ...]
    state: tuple[dict[str, str], ...]
    otherwise: Otherwise | None

    @property
    def kinds(self) -> str:
        """What is special about it, as words."""
        marks = (
            ("crucial", self.step.crucial),
            ("fault", self.step.fault),
            ("repeats", self.step.repeats),
            ("causal", self.causal),
        )
        return " ".join(name for name, so in marks if so)

    @property
    def to_client(self) -> bool:
        """Does a client get something?"""
        return self.step.to is To.CLIENT

    @property
    def of_all(self) -> bool:
        """It concerns no lane more than the others."""
        return self.step.to is To.CLUSTER and not any(self.step.changes)


@dataclass(frozen=True, slots=True)
class Group:
    """Rows that belong together: the steps of one save that follow each other, and these as one row."""

    rows: tuple[Row, ...]
    folded: Row | None

    @property
    def within(self) -> Iterator[Row]:
        """What the cause names of the steps that folding hides; the last one is there anyhow."""
        return (row for row in self.rows[:-1] if row.causal or row.step.crucial)


@dataclass(frozen=True, slots=True)
class RunPage:
    """All of it.

    ``defaults``: each lane's values in a cluster that was never used; ``first``: those at the start;
    ``deltas``: by step, what it changes (lane, name, value).
    """

    title: str
    facts: tuple[str, ...]
    lanes: tuple[Lane, ...]
    groups: tuple[Group, ...]
    conclusion: tuple[Sentence, ...]
    because: tuple[Sentence, ...]
    repeats_from: int | None
    defaults: tuple[dict[str, str], ...]
    first: tuple[dict[str, str], ...]

    @property
    def long(self) -> bool:
        """Do times need more room?"""
        return any(len(row.step.time) > _SHORT for row in self.rows)

    @property
    def rows(self) -> Iterator[Row]:
        """Every row, in order."""
        for group in self.groups:
            yield from group.rows

    @property
    def data(self) -> dict[str, object]:
        """What the script needs to show the state at any step."""
        return {
            "lanes": [lane.name for lane in self.lanes],
            "always": [list(ALWAYS)] * (len(self.lanes) - 1) + [list(self.defaults[-1])[:3]],
            "defaults": self.defaults,
            "first": self.first,
            "steps": [
                {
                    "number": row.step.number,
                    "time": row.step.time,
                    "who": "" if row.step.lane is None else self.lanes[row.step.lane].name,
                    "text": row.step.text,
                    "changes": [
                        [lane, change.name, change.after]
                        for lane, changes in enumerate(row.step.changes)
                        for change in changes
                    ],
                }
                for row in self.rows
            ],
        }


def run_page(run: Run, judged: Sequence[Judged] = ()) -> RunPage:
    """What there is to show of a run; ``judged``: the properties of one that is not there to break any.

    Raises:
        RunError: a guard refuses a step.
    """
    taken = take(run)
    story = story_of(taken)
    causal = {*story.cause.steps, *_named(story.because)} if story.cause else set()
    broken = {step for each in judged for step in each.steps}
    short = len(taken.frames) <= MOST_STEPS
    options = Options(taken.machine, run.constants["unit"], lambda frame: words_of(taken, frame))
    frames = dict(enumerate(taken.frames, 1))
    layout = taken.machine.layout
    begin = layout.initial(run.first, {})
    rows = []
    for told in story.steps:
        step = replace(told, crucial=told.crucial or told.number in broken)
        frame = frames.get(step.number)
        after = frame.after if frame else begin
        rows.append(
            Row(
                step,
                step.number in causal,
                tuple(_arrows(step, len(story.lanes))),
                tuple(
                    Cell(_life(taken, after, lane), tuple(map(shown, changes)))
                    for lane, changes in enumerate(step.changes)
                ),
                _states(taken, after) if short else (),
                options.at(frame) if frame and short else None,
            )
        )
    unused = layout.initial({("now", 0): taken.say.start}, {})
    return RunPage(
        story.title,
        story.facts,
        story.lanes,
        tuple(_groups(rows, frames, taken)),
        tuple(tuple(_linked(text, len(story.steps))) for text in story.conclusion),
        (*story.because, *(tuple(_violated(each)) for each in judged if each.steps)),
        None if run.cycle_from is None else run.cycle_from + 1,
        _states(taken, unused),
        _states(taken, unused if rows and rows[0].step.number == 0 else begin),
    )


def _named(sentences: Iterable[Sentence]) -> Iterator[int]:
    """The steps that sentences name."""
    return (part.step for sentence in sentences for part in sentence if part.step is not None)


def _linked(text: str, last: int) -> Iterator[Part]:
    """A sentence, the steps that it names as parts of their own."""
    for part in _STEP.split(text):
        number = int(part.removeprefix("step ")) if _STEP.fullmatch(part) else 0
        yield names_step(number) if 0 < number <= last else Part(part)


def _violated(judged: Judged) -> Iterator[Part]:
    """In which steps a property is broken."""
    yield Part(f"{judged.property} is broken in ")
    for number, step in enumerate(judged.steps[:_FEW]):
        yield Part(", " if number else "")
        yield names_step(step)
    more = len(judged.steps) - _FEW
    yield Part(f" and {more} more." if more > 0 else ".")


def _states(taken: Taken, state: Sequence[int]) -> tuple[dict[str, str], ...]:
    values = tuple(state)
    servers = range(1, len(taken.run.kinds) + 1)
    return (*(taken.say.server(values, number) for number in servers), taken.say.etcd(values))


def _life(taken: Taken, state: Sequence[int], lane: int) -> str:
    """``down``, ``up``, ``elected`` or ``able`` to grant; ``keys`` for etcd."""
    number = lane + 1
    if number > len(taken.run.kinds):
        return "keys"
    role = taken.say.read(tuple(state), "role", number)
    if role == ROLE.down.value:
        return "down"
    if taken.machine.value(state, _ABLE, number):
        return "able"
    return "elected" if role == ROLE.leader.value else "up"


def _arrows(step: Step, lanes: int) -> Iterator[Arrow]:
    """A request and its answer; of a lost one, the answer is lost if etcd has changed."""
    if step.lane is None or step.to not in (To.ETCD, To.LOST):
        return
    apart = lanes - 1 - step.lane
    arrived = step.to is To.ETCD or bool(step.changes[-1])
    yield Arrow(False, not arrived, apart)
    if arrived:
        yield Arrow(True, step.to is To.LOST, apart)


def shown(change: Change) -> Shown:
    """A change, and which parts of the new value are new."""
    before, after = change.told()
    return Shown(change.name, before, tuple(_pieces(before, after)))


def _pieces(before: str, after: str) -> Iterator[Piece]:
    old, new = _TOKEN.findall(before), _TOKEN.findall(after)
    for kind, _, _, start, end in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if start < end:
            yield Piece("".join(new[start:end]), kind != "equal")


def _groups(rows: Sequence[Row], frames: dict[int, Frame], taken: Taken) -> Iterator[Group]:
    """Rows by save: those of one server's save that follow each other with nothing between."""
    save: list[Row] = []
    of: tuple[int, str] | None = None
    for row in rows:
        frame = frames.get(row.step.number)
        slot = None if frame is None else _moves_on(frame, taken)
        begins = slot is not None and frame is not None and _idle(frame, slot, taken)
        now = None if slot is None or frame is None else (frame.move.server, slot.prefix)
        if save and (now != of or begins):
            yield from _folded(save)
            save = []
        of = now
        if now is None:
            yield Group((row,), None)
        else:
            save.append(row)
    if save:
        yield from _folded(save)


def _moves_on(frame: Frame, taken: Taken) -> Slot | None:
    """The save of its server that a step moves on."""
    for slot in SLOTS if frame.move.server else ():
        before, after = (
            taken.say.read(state, f"{slot.prefix}stage", frame.move.server)
            for state in (frame.before, frame.after)
        )
        if before != after:
            return slot
    return None


def _idle(frame: Frame, slot: Slot, taken: Taken) -> bool:
    """Was no such save in flight before?"""
    return taken.say.read(frame.before, f"{slot.prefix}stage", frame.move.server) == STAGE.idle.value


def _folded(rows: Sequence[Row]) -> Iterator[Group]:
    if len(rows) == 1:
        yield Group((rows[0],), None)
        return
    steps, last = [row.step for row in rows], rows[-1]
    changes = tuple(
        tuple(_joined(of_lane)) for of_lane in zip(*(step.changes for step in steps), strict=True)
    )
    arrows = {(arrow.answer, arrow.lost): arrow for row in rows for arrow in row.arrows}
    whole = replace(
        last.step,
        changes=changes,
        fault=any(step.fault for step in steps),
        crucial=any(step.crucial for step in steps),
    )
    cells = tuple(
        Cell(cell.life, tuple(map(shown, of_lane))) for cell, of_lane in zip(last.cells, changes, strict=True)
    )
    causal = any(row.causal for row in rows)
    yield Group(
        tuple(rows), replace(last, step=whole, cells=cells, causal=causal, arrows=tuple(arrows.values()))
    )


def _joined(changes: Iterable[Iterable[Change]]) -> Iterator[Change]:
    """What several steps change in a lane together."""
    found: dict[str, Change] = {}
    for change in chain.from_iterable(changes):
        first = found.get(change.name, change)
        found[change.name] = Change(change.name, first.before, change.after)
    return (change for change in found.values() if change.before != change.after)
