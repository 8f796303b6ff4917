"""A story as a Mermaid sequence diagram, which GitHub and many wikis draw."""

import json
import re
from collections.abc import Iterator
from itertools import groupby

from .because import plain
from .telling import Step, Story
from .words import To

_ARROWS = {To.ETCD: "->>etcd", To.LOST: "-xetcd", To.CLIENT: "-->>client"}
#: letters that mean nothing to Mermaid; "end" closes a block
_ODD = re.compile(r"[^\w .,()=/+\-→►⚡·…]|_|\be(?=nd\b)")


def _plain(text: str) -> str:
    return _ODD.sub(lambda match: f"#{ord(match[0])};", text)


def render(story: Story) -> str:
    """The diagram's source."""
    return "\n".join(_source(story)) + "\n"


def _source(story: Story) -> Iterator[str]:
    title = json.dumps(story.title).replace("<", r"\u003c")  # the source may stand in a page
    yield f"---\ntitle: {title}\n---\nsequenceDiagram"
    *servers, _ = story.lanes
    for number, lane in enumerate(servers):
        yield f"    participant s{number} as {_plain(f'{lane.name} ({lane.kind})')}"
    yield "    participant etcd\n    participant client"
    for fact in story.facts:
        yield f"    Note over s0,client: {_plain(fact)}"
    for repeats, steps in groupby(story.steps, key=lambda step: step.repeats):
        if repeats:
            yield "    loop forever"
        for step in steps:
            line = f"{_direction(step)}: {'<br/>'.join(map(_plain, _lines(story, step)))}"
            yield (
                f"    rect rgba(224, 64, 64, 0.25)\n        {line}\n    end"
                if step.crucial
                else f"    {line}"
            )
        if repeats:
            yield "    end"
    for sentence in (*story.conclusion, *map(plain, story.because)):
        yield f"    Note over s0,client: {_plain(sentence)}"


def _direction(step: Step) -> str:
    if step.lane is None:
        return "Note over s0,client"
    arrow = _ARROWS.get(step.to)
    return f"Note over s{step.lane}" if arrow is None else f"s{step.lane}{arrow}"


def _lines(story: Story, step: Step) -> Iterator[str]:
    yield f"{step.number} · {step.time} · {'⚡ ' * step.fault}{step.text}"
    for number, (lane, changes) in enumerate(zip(story.lanes, step.changes, strict=True)):
        for change in changes:
            before, after = change.told()
            whose = "" if number == step.lane else f"{lane.name} "
            yield f"{whose}{change.name} {before} → {after}"
