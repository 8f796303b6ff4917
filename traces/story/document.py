"""The type of a run that is told, `show --to json`. Servers go by name; null is nobody, or the cluster."""

from __future__ import annotations

from typing import Annotated

from ..output.document import Document, Names, one_of, said

Server = str | None
Steps = Annotated[list[int], said("numbers of steps, counted from 1")]


class PlaceTold(Document, kw_only=True):
    """A variable, of a server or of the cluster."""

    variable: str
    server: Server


class LaneTold(Document, kw_only=True):
    """A column: a server, or etcd."""

    name: str
    kind: str


class ChangeTold(Document, kw_only=True):
    """What a step changed in a lane."""

    lane: str
    name: str
    before: str
    after: str


class StepTold(Document, kw_only=True):
    """A step in words."""

    number: int
    time: Annotated[str, said("as distance from the start")]
    server: Server
    text: str
    to: Annotated[str, said("whom it speaks with"), one_of("nobody", "etcd", "lost", "client", "cluster")]
    fault: Annotated[bool, said("something goes wrong that no server wanted")]
    crucial: Annotated[bool, said("the conclusion is about this step")]
    repeats: Annotated[bool, said("it belongs to what goes on forever")]
    changes: list[ChangeTold]


class SentenceTold(Document, kw_only=True):
    """A sentence, and the steps of which it speaks."""

    text: str
    steps: Steps


class Compared(Document, kw_only=True):
    """A guard that a step met."""

    step: int
    guard: str


class UnseenTold(Document, kw_only=True):
    """What was read had changed before it was used, in this step; and what compared it all the same."""

    step: int
    compared: list[Compared]


class LinkTold(Document, kw_only=True):
    """A value on which the end hangs, and what it was made of (numbers of links, from 0)."""

    variable: str
    server: Server
    value: str
    step: Annotated[int, said("since when; 0: from the start")]
    by: Server
    transition: str
    reads: Annotated[list[int], said("links whose values it was made of")]
    weighed: Annotated[list[int], said("links with which these were compared")]
    clock: Annotated[bool, said("it comes from a clock")]
    chosen: Annotated[bool, said("it comes from outside: an admin, a client")]
    unseen: UnseenTold | None


class LookedTold(Document, kw_only=True):
    """When the server of the last step had looked at a key of etcd last."""

    variable: str
    server: Server
    step: Annotated[int | None, said("null: it never looked")]
    guard: str
    value: str
    changed: Annotated[int, said("the step in which somebody else wrote the key")]


class PassedTold(Document, kw_only=True):
    """A guard of the last step's server that passed only because of what somebody else had done to a key."""

    variable: str
    server: Server
    step: int
    guard: str
    before: Annotated[str, said("with this value the guard refuses")]
    value: Annotated[str, said("what it read")]
    changed: Annotated[int, said("the step in which the key became that")]


class SinceTold(Document, kw_only=True):
    """What somebody else changed in etcd meanwhile."""

    variable: str
    server: Server
    step: int
    value: str


class CauseTold(Document, kw_only=True):
    """Where a violation in the last step comes from."""

    step: int
    server: Server
    steps: Steps
    links: list[LinkTold]
    ends: Annotated[list[int], said("the links that the last step itself reads")]
    looked: list[LookedTold]
    passed: list[PassedTold]
    asked: Annotated[int | None, said("the last step in which that server looked at any key")]
    since: list[SinceTold]
    cut: Annotated[bool, said("there are more links than are kept")]


class RefusedBy(Document, kw_only=True):
    """A guard, and in how many of the states that come again it refuses."""

    guard: str
    states: int


class WayTold(Document, kw_only=True):
    """A step that would end what repeats."""

    transition: str
    server: Server
    refused_by: list[RefusedBy]
    states: int
    possible: Annotated[list[int], said("the steps in whose place it could be taken")]
    owed: Annotated[bool, said("it would be unfair to put it off forever")]
    counts: Annotated[str, said("the condition without which it is none that the property asks for")]


class ForeverTold(Document, kw_only=True):
    """What repeats, each round later than the one before by the shift."""

    first: int
    last: int
    shift: str
    differ: list[PlaceTold]
    ways_out: list[WayTold]


class Shown(Document, kw_only=True, tag_field="command", tag="show"):
    """A run step by step."""

    version: Annotated[str, said("of tsofence")]
    title: str
    facts: Names
    lanes: list[LaneTold]
    steps: list[StepTold]
    conclusion: Names
    because: Annotated[list[SentenceTold], said("the cause in sentences")]
    cause: CauseTold | None
    forever: ForeverTold | None
