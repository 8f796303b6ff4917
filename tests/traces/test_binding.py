"""The table of what a log's lines bind is that of the code."""

import re
from pathlib import Path

from tsofence.traces.explain.streams import BINDING
from tsofence.traces.sources import binding
from tsofence.traces.sources.observation import LogStep

EXPLAIN = Path(__file__).parents[2] / "traces" / "explain"


def rows(text: str) -> dict[str, list[str]]:
    """The cells of each step's row."""
    found: dict[str, list[str]] = {}
    for line in text.splitlines():
        if re.match(r"\| [A-Z_, ]+ \|", line):
            steps, *cells = line.strip("|").split("|")
            found |= {step.strip(): [cell.strip() for cell in cells] for step in steps.split(",")}
    return found


BOUND, NOTHING = map(rows, (binding.__doc__ or "").split("What binds nothing, and why:"))
#: the rules that take lines one by one
USED = set(
    re.findall(
        r"LogStep\.([A-Z_]+)",
        "".join(path.read_text(encoding="utf-8") for path in EXPLAIN.glob("*.py")),
    )
)


def test_every_step_has_a_row() -> None:
    assert not set(BOUND) & set(NOTHING)
    assert set(LogStep.__members__) <= {*BOUND, *NOTHING}


def test_what_binds_a_step_of_the_model_is_explained() -> None:
    explained = {step.name for step in BINDING}
    assert explained <= {step for step, (model, _) in BOUND.items() if model}


def test_what_binds_something_is_looked_at() -> None:
    assert set(BOUND) <= USED


def test_what_binds_nothing_is_looked_at_by_no_rule() -> None:
    assert not set(NOTHING) & USED
    assert all(why for (why,) in NOTHING.values())
