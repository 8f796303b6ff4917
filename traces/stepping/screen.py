"""The present state of a session as text: a row a server, one for etcd, and what a step would change."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from ..story.otherwise import Option
from ..story.telling import Change
from .session import Choice, Session, Shown

#: what of a server is always shown; the rest where it is not as in a cluster that was never used
ALWAYS = ("is", "lease", "window", "physical", "logical", "save")
#: stands behind what the last step changed, where there are no colours
MARK = "*"
_NEW = "bold yellow"

HELP = """\
↑ ↓        choose a step; below the list stands what it changes
enter      take it; the list then has what can happen next
u          undo: back one step, the way on from there is kept
r          redo: on along the way that was tried last (such steps are marked ↪)
x          what cannot happen, with the guard that refuses it; x again: what can
/          find the shortest way from here to such a state, and go it: esc gives up
s          save the steps so far as a run, for tsofence show and tsofence replay
q          leave

In conditions the model's names count, of servers with a dot: pd1.leader and
tso1.serving · any s in tso: s.able_to_grant · primary != none · pd1.physical >
now - 2 · all s: s.role == leader implies s.lease == kept · pd1.stage == read
serving: elected, and its lease runs; able_to_grant: it has synced as well

Behind what the last step changed stands a *. ⚡ marks what no server wants.
Any key closes this."""


def heading(session: Session) -> Text:
    """What is stepped through, how far it is."""
    steps = len(session.place.way)
    text = Text(session.title, style="bold", overflow="ellipsis", no_wrap=True)
    return text.append(f" · step {steps} · {session.time}", style="not bold")


def state(session: Session) -> RenderableType:
    """The whole state."""
    *servers, etcd = session.shown()
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim", expand=False)
    for name in ("", *ALWAYS, "also"):
        table.add_column(name, overflow="fold")
    for server in servers:
        others = [name for name in server.values if name not in ALWAYS]
        told = [name for name in others if name not in server.usual or name in server.changed]
        cells = [_value(server, name) for name in ALWAYS]
        also = Text(" · ").join(Text(f"{name} ", style="dim").append(_value(server, name)) for name in told)
        table.add_row(Text(server.name, style="bold"), *cells, also)
    keys = Text(" · ").join(Text(f"{name} ", style="dim").append(_value(etcd, name)) for name in etcd.values)
    parts: list[RenderableType] = [table, Text("etcd  ", style="bold").append(keys)]
    limits = session.limits()
    if limits:
        left = ", ".join(f"{name} {many}" for name, many in limits.items())
        parts.append(Text(f"may still happen: {left}", style="dim"))
    return Group(*parts)


def _value(shown: Shown, name: str) -> Text:
    value = shown.values[name].replace("\n", ", ")
    return Text(value + MARK, style=_NEW) if name in shown.changed else Text(value)


def choice(session: Session, step: Choice) -> Text:
    """A step that can be taken, on a line."""
    who = "" if step.lane is None else f"{session.lanes[step.lane]} "
    text = Text("↪ " * step.tried, style="dim")
    return text.append(who, style="bold").append(
        "⚡ " * step.fault + step.text, style="magenta" if step.fault else ""
    )


def refusal(session: Session, step: Option) -> Text:
    """A step that is refused, on a line."""
    who = "" if step.lane is None else f"{session.lanes[step.lane]} "
    name = step.transition.replace("_", " ")
    return Text(who, style="bold").append(name, style="dim").append(f" needs: {step.guard}", style="not dim")


def preview(session: Session, changes: Sequence[Sequence[Change]]) -> Text:
    """What a step changes, on a line."""
    parts = list(_changes(session, changes))
    return Text(" · ").join(parts) if parts else Text("changes nothing but the time", style="dim")


def _changes(session: Session, changes: Sequence[Sequence[Change]]) -> Iterator[Text]:
    for lane, name in zip(changes, session.lanes, strict=True):
        for change in lane:
            before, after = change.told()
            yield (
                Text(f"{name} {change.name} ", style="dim")
                .append(f"{before} → ", style="not dim")
                .append(after, style=f"{_NEW} not dim")
            )
