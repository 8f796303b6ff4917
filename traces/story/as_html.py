"""A story as one page for the browser: no script, nothing loaded from elsewhere."""

from html import escape
from importlib import resources
from string import Template

from .telling import Change, Lane, Step, Story
from .words import To


def render(story: Story) -> str:
    """The page.  Everything that is not of the template is escaped."""
    template = resources.files(__package__).joinpath("templates", "run.html").read_text(encoding="utf-8")
    return Template(template).substitute(
        title=escape(story.title),
        facts="\n".join(f"<li>{escape(fact)}" for fact in story.facts),
        conclusion="\n".join(f"<p>{escape(sentence)}" for sentence in story.conclusion),
        columns=len(story.lanes),
        lanes="".join(map(_heading, story.lanes)),
        steps="\n".join(map(_row, story.steps)),
    )


def _heading(lane: Lane) -> str:
    return f'<th scope="col">{escape(lane.name)} <small>{escape(lane.kind)}</small>'


def _row(step: Step) -> str:
    if step.to is To.CLUSTER and not any(step.changes):
        cells = f'<td class="all" colspan="{len(step.changes)}">{escape(step.text)}'
    else:
        cells = "".join(_cell(step, lane) for lane in range(len(step.changes)))
    marks = (("crucial", step.crucial), ("fault", step.fault), ("repeats", step.repeats))
    kinds = " ".join(name for name, so in marks if so)
    number = f'<th scope="row"><a href="#step{step.number}">{step.number}</a>'
    return f'<tr id="step{step.number}" class="{kinds}">{number}<td>{escape(step.time)}{cells}'


def _cell(step: Step, lane: int) -> str:
    action = f"<b>{escape(step.text)}</b>" if lane == step.lane else ""
    changes = "".join(map(_change, step.changes[lane]))
    return f"<td>{action}" + (f"<ul>{changes}</ul>" if changes else "")


def _change(change: Change) -> str:
    before, after = map(escape, change.told())
    return f"<li>{escape(change.name)} <del>{before}</del> → <ins>{after}</ins>"
