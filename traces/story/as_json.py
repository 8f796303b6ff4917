"""A story for scripts, with what it is made of: keys are stable, more may be added."""

from __future__ import annotations

from ... import __version__
from .because import plain
from .cause import Cause, Link, Place
from .document import (
    CauseTold,
    ChangeTold,
    Compared,
    ForeverTold,
    LaneTold,
    LinkTold,
    LookedTold,
    PassedTold,
    PlaceTold,
    RefusedBy,
    SentenceTold,
    Shown,
    SinceTold,
    StepTold,
    UnseenTold,
    WayTold,
)
from .forever import Forever
from .spelling import Spelling
from .telling import Story


def render(story: Story, say: Spelling) -> Shown:
    """The story; servers by name, values as the story tells them."""
    lanes = [lane.name for lane in story.lanes]
    return Shown(
        version=__version__,
        title=story.title,
        facts=list(story.facts),
        lanes=[LaneTold(name=lane.name, kind=lane.kind) for lane in story.lanes],
        steps=[
            StepTold(
                number=step.number,
                time=step.time,
                server=None if step.lane is None else lanes[step.lane],
                text=step.text,
                to=step.to.name.lower(),
                fault=step.fault,
                crucial=step.crucial,
                repeats=step.repeats,
                changes=[
                    ChangeTold(lane=lane, name=change.name, before=change.before, after=change.after)
                    for lane, changes in zip(lanes, step.changes, strict=True)
                    for change in changes
                ],
            )
            for step in story.steps
        ],
        conclusion=list(story.conclusion),
        because=[
            SentenceTold(
                text=plain(sentence), steps=[part.step for part in sentence if part.step is not None]
            )
            for sentence in story.because
        ],
        cause=None if story.cause is None else _cause(story.cause, say),
        forever=None if story.forever is None else _forever(story.forever, say),
    )


def _server(number: int, say: Spelling) -> str | None:
    return say.names[number] if number else None


def _place(place: Place, say: Spelling) -> PlaceTold:
    return PlaceTold(variable=place[0], server=_server(place[1], say))


def _cause(cause: Cause, say: Spelling) -> CauseTold:
    return CauseTold(
        step=cause.step,
        server=_server(cause.server, say),
        steps=list(cause.steps),
        links=[_link(link, say) for link in cause.links],
        ends=list(cause.ends),
        looked=[
            LookedTold(
                variable=each.place[0],
                server=_server(each.place[1], say),
                step=each.step,
                guard=each.guard,
                value=say.of_variable(each.place[0], each.value),
                changed=each.changed,
            )
            for each in cause.looked
        ],
        passed=[
            PassedTold(
                variable=each.place[0],
                server=_server(each.place[1], say),
                step=each.step,
                guard=each.guard,
                before=say.of_variable(each.place[0], each.before),
                value=say.of_variable(each.place[0], each.value),
                changed=each.changed,
            )
            for each in cause.passed
        ],
        asked=cause.asked or None,
        since=[
            SinceTold(
                variable=each.place[0],
                server=_server(each.place[1], say),
                step=each.step,
                value=say.of_variable(each.place[0], each.value),
            )
            for each in cause.since
        ],
        cut=cause.cut,
    )


def _link(link: Link, say: Spelling) -> LinkTold:
    unseen = link.unseen
    return LinkTold(
        variable=link.place[0],
        server=_server(link.place[1], say),
        value=say.of_variable(link.place[0], link.value),
        step=link.step,
        by=_server(link.by, say),
        transition=link.transition,
        reads=list(link.reads),
        weighed=list(link.weighed),
        clock=link.clock,
        chosen=link.chosen,
        unseen=None
        if unseen is None
        else UnseenTold(
            step=unseen.step,
            compared=[Compared(step=step, guard=guard) for step, guard in unseen.compared],
        ),
    )


def _forever(found: Forever, say: Spelling) -> ForeverTold:
    return ForeverTold(
        first=found.first,
        last=found.last,
        shift=say.span(found.shift),
        differ=[_place(place, say) for place in found.differ],
        ways_out=[
            WayTold(
                transition=way.transition,
                server=_server(way.server, say),
                refused_by=[RefusedBy(guard=guard, states=states) for guard, states in way.refused],
                states=way.states,
                possible=list(way.possible),
                owed=way.owed,
                counts=way.counts,
            )
            for way in found.ways
        ],
    )
