"""The matrix fits where it is shown: all columns side by side, or below each other, none cut off."""

from __future__ import annotations

import io

import pytest

from tsofence.checker.search.findings import Exploration, Finding
from tsofence.model.variants import fences
from tsofence.specs import liveness, properties
from tsofence.traces.output.terminal import Terminal
from tsofence.traces.tell import matrix

LIVELY = liveness.NAMES
ALL = (*properties.NAMES, *LIVELY)


def shown(names: tuple[str, ...], asked: tuple[str, ...], width: int) -> list[str]:
    found = {
        name: Exploration(
            "x", name, 1, 1, 1, 1.0, (), (), (), (), tuple(Finding(each, "violated", 123) for each in asked)
        )
        for name in names
    }
    out = Terminal(file=io.StringIO())
    out.width = width
    out.print(matrix.done(found, asked))
    assert isinstance(out.file, io.StringIO)
    return out.file.getvalue().splitlines()


@pytest.mark.parametrize("width", [40, 80, 120])
@pytest.mark.parametrize("names", [fences.ALL, ("off",), ("a-fence-of-ones-own" * 6,)])
def test_nothing_is_cut_off(names: tuple[str, ...], width: int) -> None:
    lines = shown(names, ALL, width)
    assert max(map(len, lines)) <= width
    assert sum(line.count("✗ 123") for line in lines) == len(names) * len(ALL)
    assert not any("…" in line for line in lines)


def test_eighty_columns_have_all_of_safety_side_by_side() -> None:
    lines = shown(("off", "check-tso-primary"), properties.NAMES, 80)
    assert len(lines) == 4, "two of headings, one a fence"
    assert len(shown(("off",), ALL, 120)) == 3
    assert len(shown(("off",), ALL, 80)) == 3 + 1 + 3
