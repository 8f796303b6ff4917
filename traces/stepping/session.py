"""A session: the present state, what can happen there and what cannot, and every way that was tried.

All of it is the plain interpreter's; words are those in which runs are told.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from ...checker.run import Frame, Move, Run
from ...checker.search.ahead import MOST, Ahead, ahead
from ...model.language.python import Machine
from ...specs.phrases.names import Names, names
from ...specs.phrases.reading import read
from ...specs.phrases.sought import Sought, may_be_asked
from ...specs.phrases.spelling import spelled
from ...specs.properties import PROPERTIES, judged
from ..output.terminal import clean
from ..runs import files, pairs
from ..sources.observation import BadInput
from ..story.otherwise import Option, Options
from ..story.spelling import Spelling, State
from ..story.telling import Change, Lanes, Taken, words_of
from ..story.words import WORDS, plain
from .start import Start

#: a limit of the scenario, in a state
_LEFT = "left "


@dataclass(eq=False, slots=True)
class Place:
    """A state on one of the ways that were tried, and the step that led to it (None: the first one)."""

    state: State
    frame: Frame | None = None
    before: Place | None = None
    after: list[Place] = field(default_factory=list)

    @property
    def way(self) -> list[Frame]:
        """The steps that lead there."""
        found, place = [], self
        while place.frame is not None and place.before is not None:
            found.append(place.frame)
            place = place.before
        return found[::-1]


@dataclass(frozen=True, slots=True)
class Choice:
    """A step that can be taken: ``lane`` of its server (None: the cluster's), in words; ``fault``: no server
    wants it; ``tried``: it was taken from here before."""

    index: int
    lane: int | None
    text: str
    fault: bool
    tried: bool


@dataclass(frozen=True, slots=True)
class Shown:
    """What a server has in memory, or etcd holds, by name; ``changed``: what the last step changed;
    ``usual``: what is as in a cluster that was never used."""

    name: str
    values: dict[str, str]
    changed: frozenset[str]
    usual: frozenset[str]


class Session:
    """One system that somebody steps through."""

    def __init__(self, start: Start) -> None:
        self._start = start
        self._machine = Machine(start.configuration, choose=True)
        self._say = Spelling(start.run, self._machine.layout)
        self._lanes = Lanes(self._say, self._machine.layout)
        self._taken = Taken(start.run, self._machine, self._say, ())
        least = Machine(start.configuration, choose=False)
        self._options = Options(least, start.run.constants["unit"], self._words)
        self._unused = self._machine.layout.initial({("now", 0): self._say.start}, {})
        self._first = self.place = Place(tuple(start.first))
        for move in start.run.moves:
            self._go(self._index(move))
        self.place = self._first

    @property
    def title(self) -> str:
        """What is stepped through."""
        return clean(self._start.run.title)

    @property
    def time(self) -> str:
        """The time, from the start on."""
        return self._say.time(self._say.read(self.place.state, "now"))

    @property
    def lanes(self) -> tuple[str, ...]:
        """The servers' names, and etcd."""
        return (*self._say.names[1:], "etcd")

    @property
    def words(self) -> Names:
        """What may be named in a condition to be found."""
        made = self._start.configuration
        return names(made.vocabulary, made.transitions, self._start.run.names)

    # --- what there is -------------------------------------------------------------------------------

    def shown(self) -> tuple[Shown, ...]:
        """The whole state: each server, and etcd."""
        place = self.place
        was = place.state if place.before is None else place.before.state
        changes = self._lanes.changes(was, place.state)
        found = []
        for lane, name in enumerate(self.lanes):
            now, unused = self._values(lane, place.state), self._values(lane, self._unused)
            usual = frozenset(key for key, value in now.items() if unused[key] == value)
            found.append(Shown(name, now, frozenset(each.name for each in changes[lane]), usual))
        return tuple(found)

    def limits(self) -> dict[str, int]:
        """How often each fault may still strike, where the scenario says so."""
        layout = self._machine.layout
        left = [name for name, number in layout.slots if name.startswith(_LEFT) and not number]
        return {name.removeprefix(_LEFT): layout.read(self.place.state, name) for name in left}

    def choices(self) -> tuple[Choice, ...]:
        """What can happen, what servers do before what goes wrong."""
        tried = {self._index(each.frame.move) for each in self.place.after if each.frame is not None}
        found = []
        for index, instance in enumerate(self._machine.instances):
            if self._machine.refused(self.place.state, index):
                continue
            words = WORDS.get(instance.name) or plain(instance.name)
            text = self._words(self._frame(index)) + _chosen(instance.inputs)
            lane = instance.number - 1 if instance.number else None
            found.append(Choice(index, lane, text, words.fault, index in tried))
        return tuple(sorted(found, key=lambda each: each.fault))

    def changes(self, choice: Choice) -> tuple[tuple[Change, ...], ...]:
        """By lane, what a step changes."""
        frame = self._frame(choice.index)
        return self._lanes.changes(frame.before, frame.after)

    def refused(self) -> tuple[Option, ...]:
        """What cannot happen, with the guard that refuses it: first where that guard alone does."""
        near = self._options.at(Frame(Move("", 0), self.place.state, self.place.state)).refused
        said = {(each.transition, each.lane) for each in near}
        others = [
            each
            for each in self._options.refused(self.place.state)
            if (each.transition, each.lane) not in said
        ]
        return (*near, *others)

    def broken(self) -> tuple[str, ...]:
        """The properties that the last step breaks, by itself or with a grant before it."""
        way = self.place.way
        if not way:
            return ()
        grants = pairs.Grants(self._start.run, self._machine)
        together = [grants.broken_by(frame) for frame in way][-1]
        return (*self._breaks(way[-1]), *together)

    def _breaks(self, frame: Frame, names: Sequence[str] = ()) -> tuple[str, ...]:
        index = self._index(frame.move)
        return tuple(
            prop.name
            for prop in PROPERTIES
            if (prop.name in names if names else prop.name not in pairs.NAMES)
            and judged(prop.broken_by, self._machine, index, frame.before, frame.move.inputs)
        )

    # --- going ---------------------------------------------------------------------------------------

    def take(self, choice: Choice) -> tuple[str, ...]:
        """Take a step; the properties that it breaks."""
        self._go(choice.index)
        return self.broken()

    def undo(self) -> bool:
        """Back to the state before the last step; the way on from there is kept."""
        if self.place.before is None:
            return False
        self.place = self.place.before
        return True

    def redo(self) -> bool:
        """On along the way that was tried last."""
        if not self.place.after:
            return False
        self.place = self.place.after[-1]
        return True

    def _go(self, index: int) -> None:
        place, frame = self.place, self._frame(index)
        before = next((each for each in place.after if each.frame and each.frame.move == frame.move), None)
        if before is not None:
            place.after.remove(before)  # the way that was tried last stands last
        self.place = before or Place(frame.after, frame, place)
        place.after.append(self.place)

    # --- looking ahead, keeping ----------------------------------------------------------------------

    def sought(self, text: str) -> Sought:
        """What somebody wants found from here.

        Raises:
            PhraseError: the text is no condition over the states of this system.
            SoughtError: its states cannot be asked.
        """
        may_be_asked(self._start.configuration.transitions)
        condition = read(text, self.words)
        return Sought(condition, spelled(condition, self.words))

    def look(self, sought: Sought, *, most: int = MOST, stop: Callable[[], bool] = lambda: False) -> Ahead:
        """Look for it from the present state on; nobody moves.

        Raises:
            ValueError: this system counts time in too small a unit to be searched.
        """
        return ahead(self._start.configuration, self.place.state, sought, most=most, stop=stop)

    def go(self, moves: Sequence[Move]) -> None:
        """Take these steps, one after the other.

        Raises:
            ValueError: one of them is refused, and none is taken.
        """
        here = self.place
        for move in moves:
            index = self._index(move)
            refused = self._machine.refused(self.place.state, index)
            if refused:
                self.place = here
                raise ValueError(f"{move.transition} is refused: {', '.join(refused)}")
            self._go(index)

    def run(self) -> Run:
        """The way to the present state."""
        way = self.place.way
        breaks = self._breaks(way[-1], [prop.name for prop in PROPERTIES]) if way else ()
        return replace(
            self._start.run,
            moves=tuple(frame.move for frame in way),
            breaks=breaks[0] if breaks else None,
            cycle_from=None,
        )

    def saved(self) -> str:
        """The way to the present state as a run file that show and replay read.

        Raises:
            BadInput: not even this version would read it.
        """
        text = files.dumps(self.run())
        try:
            files.check(files.parse(text.encode(), "this way"))
        except ValueError as error:
            raise BadInput("this way", None, "steps that may be taken again", str(error)) from None
        return text

    # --- the plain interpreter -----------------------------------------------------------------------

    def _values(self, lane: int, state: State) -> dict[str, str]:
        is_server = lane < len(self.lanes) - 1
        return self._say.server(state, lane + 1) if is_server else self._say.etcd(state)

    def _words(self, frame: Frame) -> str:
        return words_of(self._taken, frame)

    def _frame(self, index: int) -> Frame:
        instance = self._machine.instances[index]
        move = Move(instance.name, instance.number, dict(instance.inputs))
        return Frame(move, tuple(self.place.state), self._machine.apply(self.place.state, index))

    def _index(self, move: Move) -> int:
        """The step of the machine that a move is.

        Raises:
            ValueError: there is none.
        """
        found: Iterator[int] = (
            index
            for index, each in enumerate(self._machine.instances)
            if (each.name, each.number, dict(each.inputs))
            == (move.transition, move.server, dict(move.inputs))
        )
        index = next(found, None)
        if index is None:
            raise ValueError(f"no step {move.transition} of server {move.server} here")
        return index


def _chosen(inputs: object) -> str:
    """What the words of a step do not say of its inputs."""
    return ", which the observer remembers" if isinstance(inputs, dict) and inputs.get("note") else ""
