"""Why the last step of a run breaks its property, in a sentence or two."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from ...checker.run import Frame, Run
from ...model.language.expr import both
from ...model.language.python import Machine
from ...model.language.transition import SELF
from ...model.pd import state as s
from ...specs import liveness, properties
from ...specs.properties import judged
from .spelling import Spelling

_ABLE_TO_GRANT = both(s.initialised[SELF], s.serving(SELF))


@dataclass(frozen=True, slots=True)
class _Ending:
    """The last step, and the number of an earlier one whose grant it is compared with."""

    machine: Machine
    say: Spelling
    last: Frame
    number: int
    earlier: int | None
    giver: str

    @property
    def who(self) -> str:
        return self.say.names[self.last.move.server]

    def read(self, name: str) -> int:
        return self.say.read(self.last.before, name)


def _same_or_below(end: _Ending) -> str:
    noted = end.say.timestamp(end.read("noted_physical"), end.read("noted_logical"))
    when = f"in step {end.earlier}" if end.earlier else "before the run starts"
    return (
        f"{end.who} grants {end.say.granted(end.last)} in step {end.number}; "
        f"{end.giver} had granted {noted} {when}."
    )


def _past_window(end: _Ending) -> str:
    window = end.say.time(end.read("timestamp"))
    return f"{end.who} grants {end.say.granted(end.last)}, but the saved window ends at {window}."


def _key_back(end: _Ending) -> str:
    was, now = (end.say.time(end.say.read(state, "timestamp")) for state in (end.last.before, end.last.after))
    return f"The save of {end.who} puts {now} in the timestamp key, which held {was}."


def _beside_primary(end: _Ending) -> str:
    return f"The save of {end.who}, a PD, lands while {end.say.names[end.read('primary')]} is TSO primary."


def _two_live(end: _Ending) -> str:
    able = [
        name
        for number, name in enumerate(end.say.names)
        if number not in (0, end.last.move.server)
        and end.machine.value(end.last.before, _ABLE_TO_GRANT, number)
    ]
    return f"{end.who} grants {end.say.granted(end.last)} while {' and '.join(able)} could grant as well."


_WHY: dict[str, Callable[[_Ending], str]] = {
    "key-monotone": _key_back,
    "window": _past_window,
    "unique": _same_or_below,
    "real-time": _same_or_below,
    "session": _same_or_below,
    "single-writer": _beside_primary,
    "one-live": _two_live,
}


def remembered(run: Run) -> int | None:
    """The number of the step whose grant the last one is compared with."""
    if _WHY.get(run.breaks or "") is not _same_or_below:
        return None
    return next((i for i, move in enumerate(run.moves[:-1], 1) if move.inputs.get("note")), None)


def conclusion(run: Run, machine: Machine, say: Spelling, frames: Sequence[Frame]) -> Iterator[str]:
    """What the last step breaks and why; nothing if the run is not said to break anything."""
    if run.breaks is None:
        return
    if run.cycle_from is not None:
        yield f"From step {run.cycle_from + 1} on this repeats forever."
        yield f"Breaks {run.breaks}: {liveness.named(run.breaks).meaning}."
        return
    prop = properties.named(run.breaks)
    last = frames[-1] if frames else None
    if last is None or not judged(
        prop.broken_by,
        machine,
        machine.find(last.move.transition, last.move.server),
        last.before,
        last.move.inputs,
    ):
        yield f"This run is said to break {prop.name}, but its last step does not."
        return
    earlier = remembered(run)
    giver = "somebody" if earlier is None else say.names[run.moves[earlier - 1].server]
    yield f"Breaks {prop.name}: {prop.meaning}."
    if prop.name in _WHY:
        yield _WHY[prop.name](_Ending(machine, say, last, len(frames), earlier, giver))
