"""How many examples are tried: a few every day, many in the large tests, others each time in `make fuzz`."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TypeVar

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

T = TypeVar("T")

#: examples of `make fuzz`, instead of those of the large tests
_MANY = os.environ.get("TSOFENCE_FUZZ")


def examples(few: int, many: int) -> pytest.MarkDecorator:
    """How many: every day, and in the large tests."""
    large = pytest.param(int(_MANY or many), marks=pytest.mark.large, id="many")
    return pytest.mark.parametrize("number", [pytest.param(few, id="few"), large])


def each(strategy: st.SearchStrategy[T], number: int, check: Callable[[T], object]) -> None:
    """Check so many examples: the same ones each time, unless it is `make fuzz`."""

    @settings(max_examples=number, derandomize=not _MANY, suppress_health_check=list(HealthCheck))
    @given(strategy)
    def one(example: T) -> None:
        check(example)

    one()
