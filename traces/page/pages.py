"""The pages, as text: see the package."""

from __future__ import annotations

from bisect import bisect_right
from typing import Any

from ...checker.run import Run
from ..explain.replay import Report
from ..runs.rerun import rerun
from ..sources.observation import NS_PER_MS
from ..sources.trace import Trace
from . import blame, perfetto
from . import drawing as drawings
from .incident import Incident, incident
from .rendering import alone, render
from .run_page import RunPage, run_page
from .wording import clock, short

#: of a kind of what may not be, so many places stand alone, and so many can be opened
_FEW_ERRORS, _MOST_ERRORS = 3, 400


def of_run(run: Run) -> str:
    """A run as a page.

    Raises:
        RunError: a guard refuses a step.
    """
    again = rerun(run, (), ()) if run.breaks is None else None
    return rendered(run_page(run, again.properties if again else ()))


def rendered(page: RunPage) -> str:
    """What there is to show of a run, as a page."""
    return render("run.html", styles=("page.css", "run.css"), script="run.js", page=page, data=page.data)


def of_recording(trace: Trace, report: Report) -> str:
    """A recording, with what replay found in it, as a page."""
    found = incident(trace, report)
    rows = [row.at for row in found.happened]

    def nearest(at: int) -> int:
        return max(bisect_right(rows, at) - 1, 0)

    return render(
        "incident.html",
        styles=("page.css", "incident.css", "timeline.css"),
        script="incident.js",
        page=found,
        data=_moments(found),
        drawing=drawings.drawing(found),
        columns=drawings.COLUMNS,
        few=_FEW_ERRORS,
        most=_MOST_ERRORS,
        clock=clock,
        offset=found.offset,
        nearest=nearest,
    )


def first_cause(trace: Trace, report: Report) -> list[str]:
    """What went wrong in a recording, and why, in the sentences that head its page; none: nothing did."""
    if all(each.verdict != "violated" for each in report.properties):
        return []
    return ["".join(word.text for word in said) for said in blame.told(blame.facts(trace, report))]


def timeline_of(trace: Trace, report: Report) -> str:
    """The timeline of a recording alone, as an SVG file."""
    drawn = drawings.drawing(incident(trace, report))
    return alone("standalone.svg", "timeline.css", "incident.css", drawing=drawn, columns=drawings.COLUMNS)


def perfetto_of(trace: Trace, report: Report) -> str:
    """A recording as Chrome's trace events."""
    return perfetto.render(trace, incident(trace, report))


def _moments(found: Incident) -> dict[str, Any]:
    """What the script needs to say who was what at any moment."""
    offset = found.offset
    return {
        "start": found.start // NS_PER_MS,
        "length": offset(found.end),
        "keys": [
            [
                lane.name,
                [[offset(span.since), offset(span.until), short(span.what)] for span in lane.holders],
            ]
            for lane in found.keys
        ],
        "able": [
            [
                lane.name,
                [
                    [offset(span.since), offset(span.until), told]
                    for spans, told in ((lane.able, True), (lane.untold, False))
                    for span in spans
                ],
            ]
            for lane in found.servers
        ],
        "saves": [
            [
                offset(save.at),
                short(save.writers[0]) if len(save.writers) == 1 else "",
                None if save.value is None else offset(save.value),
                save.event.revision,
            ]
            for save in found.saves
        ],
    }
