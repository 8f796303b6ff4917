"""When memories reached milliseconds, as the answers of clients show it; all calls are read once."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

import numpy

from ..sources.calls import Calls, Numbers, as_they_come, by_number, granted
from ..sources.observation import NS_PER_MS
from ..sources.offsets import Span
from ..sources.spilling import Rows, joined

#: of a file with more milliseconds than that, some are enough, for each file the same
_MANY = 4_000
#: how long most calls take that fail, at most
_LATE_NS = 1_000 * NS_PER_MS
#: an answer, and who got it in which file, as a number
_ANSWER = numpy.dtype([(name, numpy.int64) for name in ("start", "end", "physical", "asker")])


@dataclass(frozen=True, slots=True)
class Reached:
    """A physical part (ms), and between which readings (ns) of a file's clock the memory reached it that this
    one asks (``who``: as rows of calls have it). ``first``: nobody shows that it was not there long before.
    """

    file: str
    who: int
    physical: int
    span: Span
    first: bool = False


def reached(calls: Calls, wanted: Collection[int]) -> Iterator[Reached]:
    """The first that each who asks got: before that call ended, and not long before calls failed for the last
    time. Then those that came after others, some of each file, and all that are wanted: after the answer
    before was asked for. What another server gave before says nothing of what this one had in memory.
    """
    files: Numbers[int] = Numbers()  # as they come
    steps: list[_Steps] = []
    known = numpy.array(sorted(wanted), numpy.int64)
    answered: set[int] = set()
    failed: dict[int, int] = {}
    before = numpy.empty(0, _ANSWER)  # the last answer of each who asks
    for rows in calls.chunks():
        file_of = numpy.zeros(len(calls.every_file), numpy.int64)
        for file in as_they_come(rows["file"]):
            file_of[file] = files[file]
        timed = rows["timed"] != 0
        asker = file_of[rows["file"]] * len(calls.who) + rows["who"]
        for each in as_they_come(asker[timed]):
            if each not in answered:
                yield from _first(calls, rows[timed & (asker == each)], each, answered, failed)
        got = numpy.flatnonzero(timed & granted(rows))
        answers = numpy.empty(len(got), _ANSWER)
        for name in ("start", "end", "physical"):
            answers[name] = rows[name][got]
        answers["asker"] = asker[got]
        answers = joined((before, answers))
        answers = answers.take(by_number(answers["asker"]))
        same = answers["asker"][1:] == answers["asker"][:-1]
        up = numpy.flatnonzero(same & (answers["physical"][1:] > answers["physical"][:-1]))
        before = answers.compress(numpy.append(~same, True)) if len(answers) else answers
        found = answers.take(up + 1)
        found["start"] = answers["start"][up]
        steps += [_Steps(known) for _ in range(len(files) - len(steps))]
        of = found["asker"] // max(1, len(calls.who))
        found["asker"] %= max(1, len(calls.who))
        for file in as_they_come(of):
            steps[file].add(found.compress(of == file))
    for file, number in files.items():
        for step in steps[number].first():
            start, end, physical, who = step.tolist()
            yield Reached(calls.every_file[file], who, physical, (start, end))


def _first(
    calls: Calls, rows: Rows, asker: int, answered: set[int], failed: dict[int, int]
) -> Iterator[Reached]:
    """The first that one who asks got, if these calls have it."""
    got = numpy.flatnonzero(granted(rows))
    first = int(got[0]) if len(got) else len(rows)
    if first:
        failed[asker] = int(rows["start"][first - 1])
    if first < len(rows):
        answered.add(asker)
        since = failed[asker] - _LATE_NS if failed.get(asker) else 0
        row = rows[first]
        span = since, int(row["end"])
        yield Reached(calls.every_file[row["file"]], int(row["who"]), int(row["physical"]), span, first=True)


class _Steps:
    """Answers with a greater physical part than the one before them, and when that was asked for; not all of
    them if these are more than `_MANY`, but of each file those of the same milliseconds."""

    def __init__(self, wanted: Rows) -> None:
        self._wanted = wanted
        self._every = 1
        self._kept = numpy.empty(0, _ANSWER)
        self._waiting: list[Rows] = []

    def add(self, rows: Rows) -> None:
        """More of them, later ones."""
        self._waiting.append(rows.compress(self._stays(rows)))
        if sum(map(len, self._waiting)) > _MANY:
            self._keep()

    def first(self) -> Rows:
        """Of each physical part the first."""
        self._keep()
        _, at = numpy.unique(self._kept["physical"], return_index=True)
        return self._kept[numpy.sort(at)]

    def _keep(self) -> None:
        kept = joined((self._kept, *self._waiting))
        while numpy.sum(kept["physical"] % self._every == 0) > _MANY:
            self._every *= 2
        self._kept, self._waiting = kept.compress(self._stays(kept)), []

    def _stays(self, rows: Rows) -> Rows:
        physical = rows["physical"]
        stays: Rows = (physical % self._every == 0) | numpy.isin(physical, self._wanted)
        return stays
