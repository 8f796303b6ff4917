"""Proofs that end where their obligations do."""

import pytest

from tsofence.checker.proof import houdini
from tsofence.checker.proof.runs import Runs


def find_no_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where an obligation fails, no run shows that something is violated."""
    for how in ("few", "many"):
        monkeypatch.setattr(Runs, how, lambda *given: None)


def look_for_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither for runs nor for lemmas, which takes longer than the proof itself."""
    find_no_run(monkeypatch)
    monkeypatch.setattr(houdini, "find", lambda *given: None)
