"""A story for the terminal: a column a server and one for etcd.

Where that would be too narrow, the steps stand below each other, with who takes them.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from rich import box
from rich.console import Console, ConsoleOptions, RenderResult
from rich.table import Table
from rich.text import Text

from .because import plain
from .telling import Change, Step, Story
from .words import To

#: what a column needs to be readable, its border and padding included
_LANE = 20
_MARGIN = 12  # number and time
#: a run that is longer is told from both its ends: rich takes a millisecond for each step
_MOST = 5_000
#: before the number of a step that repeats
_AGAIN = "↻ "


@dataclass(frozen=True, slots=True)
class StoryText:
    """What rich prints; as wide as the console allows.  Everything is told without colours as well."""

    story: Story
    #: one line a step, as far as that goes: without what it changes in servers, and what holds of all steps
    brief: bool = False

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        story = _in_brief(self.story) if self.brief else self.story
        yield Text(story.title, style="bold")
        for fact in story.facts:
            yield Text(fact, style="dim")
        as_table = _lanes if _MARGIN + _LANE * len(story.lanes) <= options.max_width else _list
        if len(story.steps) <= _MOST:
            yield as_table(story)
        else:
            first, last = story.steps[: _MOST // 2], story.steps[-_MOST // 2 :]
            causal = story.cause.steps if story.cause else ()
            kept = tuple(step for step in story.steps[_MOST // 2 : -_MOST // 2] if step.number in causal)
            yield as_table(replace(story, steps=first))
            between = f"steps {first[-1].number + 1} to {last[0].number - 1}"
            but = ", but for those of the cause" if kept else ""
            yield Text(f"… {between} are left out here{but}; --to html has them …", style="dim italic")
            yield as_table(replace(story, steps=(*kept, *last)))
        for number, sentence in enumerate(story.conclusion):
            yield Text(sentence, style="" if number else "bold red")
        for reason in story.because:
            yield Text("· ", style="dim").append(plain(reason))


def _in_brief(story: Story) -> Story:
    """Only what is done, and what that changes in etcd."""
    etcd = len(story.lanes) - 1
    steps = tuple(
        replace(step, changes=tuple(each if n == etcd else () for n, each in enumerate(step.changes)))
        for step in story.steps
    )
    return replace(story, facts=(), steps=steps)


def _table() -> Table:
    table = Table(box=box.MINIMAL, padding=(0, 1, 0, 0), pad_edge=False, show_edge=False)
    table.add_column("#", justify="right", style="dim")
    table.add_column("time", no_wrap=True)
    return table


def _lanes(story: Story) -> Table:
    table = _table()
    for lane in story.lanes:
        heading = Text(lane.name, style="bold")
        table.add_column(heading.append(f" {lane.kind}", style="dim"), ratio=1, overflow="fold")
    for before, step in zip((None, *story.steps), story.steps, strict=False):
        _section(table, before, step)
        table.add_row(_number(step), step.time, *(_cell(step, lane) for lane in range(len(story.lanes))))
    return table


def _section(table: Table, before: Step | None, step: Step) -> None:
    """A line above each part: what comes first, and what then repeats forever."""
    if step.repeats and not (before and before.repeats):
        table.add_section()


def _number(step: Step) -> str:
    return f"{_AGAIN * step.repeats}{step.number}"


def _cell(step: Step, lane: int) -> Text:
    """What the step is, if this lane takes it, and what it changes here."""
    lines = []
    if lane == step.lane:
        lines.append(_action(step))
    if step.to is To.CLUSTER:
        lines.append(Text(step.text, style="dim italic"))
    below = "· " * bool(lines)
    lines += [Text(below, style="dim").append_text(_change(change)) for change in step.changes[lane]]
    return Text("\n").join(lines)


def _list(story: Story) -> Table:
    table = _table()
    table.add_column("who", overflow="fold", max_width=20)
    table.add_column("what", ratio=1, overflow="fold")
    for before, step in zip((None, *story.steps), story.steps, strict=False):
        _section(table, before, step)
        who = "" if step.lane is None else story.lanes[step.lane].name
        table.add_row(_number(step), step.time, who, Text("\n").join(_line(story, step)))
    return table


def _line(story: Story, step: Step) -> Iterator[Text]:
    yield _action(step)
    for number, (lane, changes) in enumerate(zip(story.lanes, step.changes, strict=True)):
        for change in changes:
            whose = "· " if number == step.lane else f"· {lane.name}: "
            yield Text(whose, style="dim").append_text(_change(change))


def _action(step: Step) -> Text:
    text = Text(style="bold red" if step.crucial else "bold magenta" if step.fault else "bold")
    return text.append("► " * step.crucial + "⚡ " * step.fault + step.text)


def _change(change: Change) -> Text:
    before, after = change.told()
    text = Text(f"{change.name} ", style="dim").append(f"{before} → ")
    return text.append(after, style="bold yellow not dim")
