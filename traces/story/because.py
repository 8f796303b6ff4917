"""A cause in words: one sentence a server, whose parts say which step they are about."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby

from .cause import Cause, Link, Looked, Passed, Place
from .spelling import Spelling

_CHOICES = ("next", "client_next")
_READS = ("seen", "client_seen")
_ABLE = ("initialised", "promoted")
_ELECTED = ("role", "lease")
_GRANTED = ("noted_physical", "noted_logical")


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of a sentence; ``step``: the number of the step that it names, if it is such a name."""

    text: str
    step: int | None = None


#: its parts, one after the other
Sentence = tuple[Part, ...]


def plain(sentence: Sentence) -> str:
    """The sentence as text."""
    return "".join(part.text for part in sentence)


def sentences(cause: Cause, say: Spelling) -> tuple[Sentence, ...]:
    """What led to the end, in the order in which it began."""
    return tuple(map(tuple, _Told(cause, say).all()))


def names_step(number: int) -> Part:
    """The part of a sentence that names a step."""
    return Part(f"step {number}", number)


class _Told:
    def __init__(self, cause: Cause, say: Spelling) -> None:
        self._cause = cause
        self._say = say

    def all(self) -> Iterator[list[Part]]:
        links = [link for link in self._cause.links if link.step]
        links.sort(key=lambda link: link.step)
        acting: dict[int, list[Link]] = {}
        for link in links:
            acting.setdefault(link.by, []).append(link)
        for by, theirs in acting.items():
            yield [*self._deeds(by, theirs), Part(".")]
            yield from ([*self._unseen(link), Part(".")] for link in theirs if link.unseen)
            if by == self._cause.server:
                yield from ([*self._passed(each), Part(".")] for each in self._cause.passed[:_MOST])
        yield from ([*self._looked(each), Part(".")] for each in self._cause.looked)
        if self._cause.asked and self._cause.since:
            yield [*self._asked(), Part(".")]
        if self._cause.cut:
            yield [Part("What came before that is left out.")]

    def _deeds(self, by: int, links: Iterable[Link]) -> Iterator[Part]:
        """What a server did, step by step."""
        yield Part(self._say.names[by] if by else "The cluster")
        done: list[tuple[str, int]] = []
        for step, at_once in groupby(links, key=lambda link: link.step):
            texts = [*dict.fromkeys(map(self._deed, sorted(at_once, key=_weight)))]
            done.append((texts[0] if texts[0].startswith("saved") else " and ".join(texts[:2]), step))
        if by == self._cause.server and (not done or done[-1][1] != self._cause.step):
            done.append(("saved it" if self._cause.saves else "granted", self._cause.step))
        if len(done) > _MOST_DEEDS:
            yield Part(f", after {len(done) - _MOST_DEEDS} steps more,")
            done = done[-_MOST_DEEDS:]
        for number, (text, step) in enumerate(done):
            last = number == len(done) - 1
            yield Part(" " if not number else " and " if last else ", ")
            yield from (Part(f"{text} in "), names_step(step))

    def _deed(self, link: Link) -> str:
        name, value = link.place[0], self._value(link.place, link.value)
        of = [self._cause.links[each].place[0] for each in link.reads]
        if name in _READS:
            return f"read timestamp {value}" + (", its own," if self._own(link) else "")
        if name in _CHOICES:
            how = (
                "just above that"
                if set(of) & set(_READS)
                else "as an admin asked"
                if link.chosen
                else "above its physical part"
                if "physical" in of
                else "by its clock"
                if link.clock
                else ""
            )
            return f"chose {value} {how}".rstrip()
        if name == "physical":
            if set(of) & set(_CHOICES):
                return "saved it"
            return f"moved its physical part to {value}{' by its clock' * link.clock}"
        if name == "timestamp":
            return f"saved it up to {value}"
        if name in _GRANTED:
            return f"granted {value}"
        if name in _ABLE and link.value:
            return "became able to grant"
        if name in _ELECTED and link.value == 1:
            return "was elected"
        if not link.place[1] and link.value == link.by:
            return f"took the {name.replace('_', ' ')} key"
        return f"made {name.replace('_', ' ')} {value}"

    def _own(self, link: Link) -> bool:
        return any(self._cause.links[each].by == link.by and link.by for each in link.reads)

    def _unseen(self, link: Link) -> Iterator[Part]:
        """What was read had changed meanwhile."""
        assert link.unseen is not None
        unseen = link.unseen
        key = self._cause.links[link.reads[0]].place
        who, now = self._say.names[link.by], self._value(key, unseen.value)
        yield Part(f"Before {who} used that, {_name(key)} had become {now} in ")
        yield names_step(unseen.step)
        if not unseen.compared:
            yield Part(f"; nothing that {who} did compared the two")
            return
        yield Part("; only the guard ")
        for number, (step, guard) in enumerate(unseen.compared):
            yield Part((" and " if number else "") + f"“{guard}” in ")
            yield names_step(step)
        yield Part(" compared the two, and passed")

    def _passed(self, each: Passed) -> Iterator[Part]:
        """A guard that passed because of what somebody else had done."""
        value, before = (self._value(each.place, of) for of in (each.value, each.before))
        yield Part(f"The guard “{each.guard}” of {self._say.names[self._cause.server]} passed in ")
        yield names_step(each.step)
        gone = "been removed" if value == _NONE else f"become {value}"
        had = f"{_name(each.place)}{f', {before} until then,' * (before != _NONE)} had {gone}"
        yield Part(f" only because {had} in ")
        yield names_step(each.changed)

    def _looked(self, each: Looked) -> Iterator[Part]:
        who = self._say.names[self._cause.server]
        if each.step is None:
            yield Part(f"{who} never looked at {_name(each.place)}, which changed in ")
            yield names_step(each.changed)
            return
        yield Part(f"{who} looked at {_name(each.place)} in ")
        yield names_step(each.step)
        yield Part(f" and found {self._value(each.place, each.value)}; it changed in ")
        yield names_step(each.changed)
        yield Part(", and nothing looked again")

    def _asked(self) -> Iterator[Part]:
        who = self._say.names[self._cause.server]
        yield Part(f"{who} asked etcd last in ")
        yield names_step(self._cause.asked)
        yield Part(" and answers from memory")
        for number, each in enumerate(self._cause.since[-_MOST:]):
            yield Part(", though " if not number else ", ")
            yield Part(f"{_name(each.place)} became {self._value(each.place, each.value)} in ")
            yield names_step(each.step)

    def _value(self, place: Place, value: int) -> str:
        return self._say.of_variable(place[0], value)


#: of what changed since or let guards pass, and of what a server did, so much is named
_MOST, _MOST_DEEDS = 3, 8
#: how a key is told that is not there
_NONE = "none"


def _name(place: Place) -> str:
    return place[0].replace("_", " ")


def _weight(link: Link) -> int:
    """Of what a step did at once, keys first, then what a server became."""
    name, owner = link.place
    return 0 if not owner else 1 if name in _ELECTED else 2
