"""Runs for people: in the terminal, as a sequence diagram, as a page for the browser.

A run that its own transitions refuse is a `RunError`; `files.load` gives no such run.
"""

from rich.console import RenderableType

from ...checker.run import Run
from . import as_html, as_mermaid, as_text
from .telling import tell


def text(run: Run) -> RenderableType:
    """The run for a terminal."""
    return as_text.StoryText(tell(run))


def mermaid(run: Run) -> str:
    """The run as the source of a Mermaid sequence diagram."""
    return as_mermaid.render(tell(run))


def html(run: Run) -> str:
    """The run as one HTML page that needs nothing else."""
    return as_html.render(tell(run))
