"""For tests of clusters and of fences, with pytest: what fails is told by a short answer and the run's steps.

The assertions can be called in any test. Where tsofence is installed, pytest loads this module as a plugin,
which adds the fixture `tsofence_record`::

    from tsofence.testing import assert_conforms, assert_holds, assert_not_violated

    def test_an_upgrade(tsofence_record):
        recording = tsofence_record("http://127.0.0.1:2379", logs=["pd1.log", "tso1.log"])
        upgrade()
        folder = recording.stop()
        assert_conforms(folder, build="release-8.5")
        assert_not_violated(folder)

    def test_a_fence():
        assert_holds("tso-restart", "unique", fence="save-cas")
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:  # pytest loads this module in every run
    from .library import Replayed, Result, Scenario
    from .library.asked import Named

Paths = str | os.PathLike[str]


def assert_conforms(
    *recording: Paths,
    fence: Named | Iterable[Named] = (),
    build: Named | Iterable[Named] = (),
    **options: Any,
) -> None:
    """A recording is a behaviour of each build and fence named; if none is, of one that its logs tell.

    ``options`` are those of `tsofence.replay`, which says what is raised.

    Raises:
        AssertionError: it is none, or that is unknown; the message says where it stops, and what refuses it.
    """
    __tracebackhide__ = True
    found = _replayed(recording, fence=fence, build=build, **options)
    which = all if fence or build else any
    if not which(found.conforms.values()):
        said = [f"{system}: {found.why(system)}" for system, is_one in found.conforms.items() if not is_one]
        raise AssertionError("\n".join((f"{_names(recording)} does not conform", *said)))


def assert_not_violated(
    *recording: Paths,
    property: str | Iterable[str] = (),  # noqa: A002  # as the command line calls it
    **options: Any,
) -> None:
    """Nothing is violated in a recording: no timestamp twice, none that went back, …

    ``property``: one or several; default: all. ``options`` as for `assert_conforms`. What is unknown is not
    violated: a recording of calls tells of `unique`, one of logs and etcd's events of `single-writer`.

    Raises:
        AssertionError: something is violated.
    """
    __tracebackhide__ = True
    found = _replayed(recording, property=property, **options)
    if found.violated:
        raise AssertionError("\n".join((f"{_names(recording)}:", *_shown(found))))


def assert_holds(
    scenario: Paths | Scenario,
    property: str | Iterable[str],  # noqa: A002  # as the command line calls it
    **options: Any,
) -> None:
    """A property, or each of several, holds in a scenario.

    ``options`` are those of `tsofence.explore`, which says what is raised: ``fence``, ``build``, …

    Raises:
        AssertionError: it is violated, and the message has the shortest run; or it is vacuous or unknown.
    """
    from .library import explore

    __tracebackhide__ = True
    found = explore(scenario, property=property, **options)
    if not found.holds:
        raise AssertionError("\n".join(_told(found)))


def _replayed(recording: tuple[Paths, ...], **options: Any) -> Replayed:
    from .library import Replayed, replay

    found = replay(*recording, **options)
    if not isinstance(found, Replayed):
        raise ValueError(f"{_names(recording)}: expected a recording, not run files")
    return found


def _names(recording: tuple[Paths, ...]) -> str:
    return ", ".join(os.fspath(each) for each in recording)


def _told(found: Result) -> Iterator[str]:
    """What does not hold, then the shortest run of these."""
    wrong = [each for each in found if not each.holds]
    yield from map(str, wrong)
    runs = sorted((each.run for each in wrong if each.run is not None), key=len)
    if runs:
        yield f"\n{runs[0]}"


def _shown(found: Replayed) -> Iterator[str]:
    """What is violated, and the two observations that show it."""
    for each in found.violated:
        yield str(each)
        yield from (f"  {seen}" for seen in found.shown(each.name))


class Recording:
    """A recording under way, made by a process of its own."""

    def __init__(self, urls: Iterable[str], folder: Path, logs: Iterable[Paths]) -> None:
        self._folder = folder
        given = [*(f"--pd={url}" for url in urls), *(f"--log={os.fspath(log)}" for log in logs)]
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tsofence", "record", *given, "-o", str(folder)],
            stdin=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self._process.stderr is not None
        first = self._process.stderr.readline()
        if not first.startswith("recording to "):
            self._process.communicate()
            raise ValueError(first.strip() or "nothing can be recorded")

    def stop(self) -> Path:
        """End it; the folder, for `assert_conforms` and `assert_not_violated`.

        Raises:
            RuntimeError: nothing was recorded, or something is missing; the message says what.
        """
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
        _, said = self._process.communicate()
        if self._process.returncode:
            raise RuntimeError(said.strip())
        return self._folder

    def abandon(self) -> None:
        """End it at once, if it goes on."""
        if self._process.poll() is None:
            self._process.kill()
            self._process.communicate()


@pytest.fixture
def tsofence_record(tmp_path: Path) -> Iterator[Callable[..., Recording]]:
    """Record a cluster that runs: ``tsofence_record(*urls, logs=())``, client URLs of PD and paths of logs.

    It begins at once and ends with `Recording.stop`, or with the test.
    """
    begun: list[Recording] = []

    def record(*urls: str, logs: Iterable[Paths] = ()) -> Recording:
        begun.append(Recording(urls, tmp_path / f"recording-{len(begun) + 1}", logs))
        return begun[-1]

    yield record
    for each in begun:
        each.abandon()
