"""Runs in the terminal, as a sequence diagram, as JSON; as a page: `page`.

A run that its own transitions refuse is a `RunError`; `files.load` gives no such run.
"""

from rich.console import RenderableType

from ...checker.run import Run
from . import as_json, as_mermaid, as_text
from .document import Shown
from .telling import story_of, take, tell


def text(run: Run, *, brief: bool = False) -> RenderableType:
    """The run for a terminal; ``brief``: who does what, and what it changes in etcd."""
    return as_text.StoryText(tell(run), brief)


def mermaid(run: Run) -> str:
    """The run as the source of a Mermaid sequence diagram."""
    return as_mermaid.render(tell(run))


def data(run: Run) -> Shown:
    """The run for scripts, with where its end comes from."""
    taken = take(run)
    return as_json.render(story_of(taken), taken.say)
