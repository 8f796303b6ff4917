"""Ctrl-C while z3 is at work: noted when it comes, heeded between two questions.

An exception that a signal raises is lost where z3's Python layer frees a term, and turned into another
(`ctypes.ArgumentError`) where that layer calls z3.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_noted = threading.Event()


def _note(_signal: int, _frame: FrameType | None) -> None:
    _noted.set()


@contextmanager
def deferred() -> Iterator[None]:
    """What would raise KeyboardInterrupt is only noted for a while; what does something else still does."""
    before = {}
    if threading.current_thread() is threading.main_thread():
        raising = [each for each in _SIGNALS if signal.getsignal(each) is signal.default_int_handler]
        before = {each: signal.signal(each, _note) for each in raising}
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
        _noted.clear()


def noted() -> bool:
    """Has Ctrl-C come?"""
    return _noted.is_set()


def heed() -> None:
    """Now it may end what is under way.

    Raises:
        KeyboardInterrupt: it has come.
    """
    if noted():
        raise KeyboardInterrupt
