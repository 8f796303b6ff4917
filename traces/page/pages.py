"""The pages, as text: see the package."""

from __future__ import annotations

from ...checker.run import Run
from .rendering import render
from .run_page import run_page


def of_run(run: Run) -> str:
    """A run as a page.

    Raises:
        RunError: a guard refuses a step.
    """
    return render("run.html", styles=("page.css", "run.css"), script="run.js", page=run_page(run))
