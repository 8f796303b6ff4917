"""Which build of PD a log is of: what a server says of itself, and messages that only some builds write.

A server says at each start which release and which commit it is (`pkg/versioninfo`, after `Welcome to ...`).
PD's `Makefile` takes both from git: a release reads `v8.5.7`, some commits later `v8.5.7-3-g1a2b3c4`, and
like a commit where no tag is at hand; what was made without it says `None`. Where that is all, or the log
begins later, words decide: messages, fields and errors that some builds write and others do not.

The tables were read off PD's sources, of every release, of pull 10473 (its base and its head), pull 8780 and
master of August 2026. A word names all builds of which any release writes it: it rules out those that never
do. What was built in between may be none of them.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain, islice, permutations
from math import inf
from typing import TypeVar

from ...model.language.rolling import ROLLING
from .observation import Where

#: the builds that can be told apart, by the age of their code
BUILDS = (
    "release-6.5",
    "release-7.5",
    "release-8.3",
    "release-8.5",
    "nextgen-8.5.4",
    "pull-10473-base",
    "pull-8780",
    "master-2026-08",
)
_R65, _R75, _R83, _R85, _NEXTGEN, _BASE, _P8780, _MASTER = BUILDS

#: the first and the last release (major, minor) of a build, and what its suffix begins with
_RELEASES = (
    # a save compares the leader in its transaction: LeaderTxn in server/tso/tso.go, in 6.6 in pkg/tso/tso.go
    ((4, 0), (6, 6), "", _R65),
    # 7.0 compares neither the leader nor the value before: of that there is no build
    # a save compares the value before, and no leader: pkg/storage/endpoint/tso.go
    ((7, 1), (8, 2), "", _R75),
    # the same, and a primary sets itself as the expected one: pkg/mcs/utils/expected_primary.go
    ((8, 3), (8, 4), "", _R83),
    # the same, and a PD in API mode may hand out timestamps: checkTSOService in server/cluster/cluster.go
    ((8, 5), (8, 5), "", _R85),
    ((9, 0), (9, 0), "beta.1", _R85),
    # a save compares the leader by two reads of its value
    ((8, 5), (8, 5), "nextgen.", _NEXTGEN),
    ((9, 0), (9, 0), "beta.2", _NEXTGEN),
    # cut after the base of pull 10473; hotfixes that are called 8.5.6, but were cut from there
    ((26, 3), (26, 3), "", _BASE),
    ((8, 5), (8, 5), "20260422-6b14078", _BASE),
    ((8, 5), (8, 5), "20260423-4b9dde5", _BASE),
)
_COMMITS = {
    "033398bf1b2c83519dc4f58c0e53cc14bfb43098": _BASE,
    "c67277a89ebf90bd821c7bfa6444bb480dfd24cb": _BASE,  # the fence of its head sits on its base
    "74617d273cf7da64a9f239334bb990f7662a119f": _P8780,
    "a186e0cc61def1408fc57ae7b3d1044a572c8ae3": _MASTER,
}
#: the first and the last build that writes a message, `message [field]` or an error, and where in PD
_WORDS = {
    # server/server.go, server/util.go, cmd/pd-server/main.go
    "PD Config": (_R65, _R65),
    "start to campaign leader": (_R65, _R65),
    "campaign leader ok": (_R65, _R65),
    "start to campaign pd leader": (_R65, _R65),
    "campaign pd leader ok": (_R65, _R65),
    "PD cluster leader is ready to serve": (_R65, _R65),
    "Got signal to exit": (_R65, _R65),
    "got signal to exit": (_R75, _MASTER),
    "PD config": (_R75, _MASTER),
    "start to campaign PD leader": (_R75, _MASTER),
    "campaign PD leader ok": (_R75, _BASE),
    "PD leader is ready to serve": (_R75, _MASTER),
    "API service config": (_R75, _R75),
    "start to campaign API service leader": (_R75, _R75),
    "API Service config": (_R75, _R85),
    "start to campaign API Service leader": (_R75, _R85),
    "campaign API Service leader ok": (_R75, _R85),
    "API Service leader is ready to serve": (_R75, _R85),
    "Welcome to Placement Driver (API SERVICE)": (_R75, _R85),
    "PD config [enable-keyspace-group]": (_R85, _MASTER),
    "leader election succeeded, start leader ready process": (_P8780, _MASTER),
    # pkg/mcs/tso/server/server.go
    "TSO config": (_R75, _R75),
    "TSO service config": (_R75, _MASTER),
    # pkg/versioninfo/versioninfo.go
    "PD [kernel-type]": (_NEXTGEN, _MASTER),
    "TSO SERVICE [kernel-type]": (_NEXTGEN, _MASTER),
    # pkg/election/lease.go
    "lease timeout": (_R65, _R75),
    "keep alive lease too slow": (_R75, _MASTER),
    "lease keep alive stopped": (_R83, _MASTER),
    # pkg/tso/allocator.go; before it, pkg/tso/global_allocator.go and pkg/tso/allocator_manager.go
    "initializing the global TSO allocator": (_R65, _R85),
    "failed to initialize the global TSO allocator": (_R65, _R85),
    "initializing the global tso allocator": (_R75, _R85),
    "failed to initialize the global tso allocator": (_R75, _R85),
    "try to update the global tso but failed": (_R65, _R85),
    "created allocator manager": (_R75, _R85),
    "entering into allocator daemon": (_R75, _R85),
    "start to campaign the primary": (_R75, _MASTER),
    "start to campaign the primary [campaign-tso-primary-name]": (_R75, _R85),
    "initializing the TSO allocator": (_NEXTGEN, _MASTER),
    "failed to initialize the TSO allocator": (_NEXTGEN, _MASTER),
    "initializing the tso allocator": (_NEXTGEN, _MASTER),
    "failed to initialize the tso allocator": (_NEXTGEN, _MASTER),
    "try to update the tso but failed": (_NEXTGEN, _MASTER),
    "try to update the tso but failed [overflowed]": (_BASE, _MASTER),
    "created tso allocator": (_NEXTGEN, _MASTER),
    "entering into allocator update loop": (_NEXTGEN, _MASTER),
    "failed to update allocator's timestamp": (_R65, _BASE),
    "failed to update allocator's timestamp, resetting the TSO allocator with leadership resignation": (
        _P8780,
        _MASTER,
    ),
    "ignored a stale allocator update failure because the timestamp state has changed": (_MASTER, _MASTER),
    "no longer a primary because lease has expired, the tso primary will step down": (_R75, _P8780),
    "no longer a primary because lease has expired or transferred, the tso primary will step down": (
        _MASTER,
        _MASTER,
    ),
    "no longer be primary because primary have been updated, the TSO primary will step down": (_R83, _P8780),
    # pkg/tso/tso.go
    "start to sync timestamp": (_R75, _MASTER),
    "load timestamp window successfully": (_NEXTGEN, _MASTER),
    "persisted tso window to etcd (update)": (_P8780, _MASTER),
    "persisted tso window to etcd (user-reset)": (_P8780, _MASTER),
    # pkg/storage/endpoint/tso.go
    "saving timestamp to the storage": (_NEXTGEN, _MASTER),
    "saving timestamp to the storage [check-tso-primary]": (_BASE, _P8780),
    "tso microservice primary exists, PD in PD service mode must yield": (_BASE, _BASE),
    "tso microservice primary exists, pd must yield embedded tso": (_P8780, _P8780),
    # pkg/mcs/utils/expected_primary.go
    "set expected primary flag": (_R83, _MASTER),
    "primary start to watch the expected primary": (_R83, _P8780),
    "primary exit the primary watch loop": (_R83, _P8780),
    "delete expected primary flag": (_MASTER, _MASTER),
    # server/cluster/cluster.go
    "failed to start TSO jobs": (_R85, _MASTER),
    "TSO is provided by TSO server": (_R85, _MASTER),
    "TSO is provided by PD": (_R85, _MASTER),
    "closing the global TSO allocator": (_R85, _R85),
    "closing the TSO allocator": (_NEXTGEN, _BASE),
    "closing the embedded TSO allocator": (_P8780, _MASTER),
    "stop embedded TSO allocator because TSO service primary exists": (_P8780, _P8780),
    "failed to switch TSO provider back to PD after TSO forwarding failed": (_P8780, _P8780),
    "TSO service is discovered but not ready, keep current TSO provider": (_P8780, _P8780),
}

_WELCOME = "Welcome to Placement Driver ("
_SELF = ("PD", "API SERVICE", "TSO", "TSO SERVICE")  # the messages of what the binary is
#: where a message has the release; a leader without one says 1.0.0
_RELEASE_IN = dict.fromkeys(_SELF, "release-version") | {"load pd and cluster version": "pd-version"}
_UNKNOWN = ("None", "1.0.0")
_MESSAGES = frozenset(word.partition(" [")[0] for word in _WORDS).union(_RELEASE_IN)
_RELEASE = re.compile(r"v?(\d{1,4})\.(\d{1,4})\.\d{1,4}(?:-(.+))?", re.ASCII)
_COMMIT = re.compile(r"[0-9a-f]{7,40}")
_DESCRIBED = re.compile(r"(?:.*-)?\d{1,6}-g([0-9a-f]{7,40})")  # as git says it: so many commits after a tag
_UNRELEASED = re.compile(r"alpha|nightly|beta.*-\d{1,6}-g")  # master, after that tag was set
_MAX_RELEASE = 100
_FEW = 6
#: how many pairs of builds are tried, where it is not certain between which two an upgrade was
_UPGRADES = 3


@dataclass(frozen=True, slots=True)
class Version:
    """What a server says of its build, from one start to the next; `at_ns` is the time of the first line.

    `release` and `commit` are as written, empty where nothing is said; `words` are those of the table, and
    where each was read first.
    """

    where: Where
    server: str
    at_ns: int
    release: str = ""
    commit: str = ""
    words: Mapping[str, Where] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Evidence:
    """What says that it is one of these builds, and where; `own`: the server says it of itself."""

    what: str
    where: Where
    builds: tuple[str, ...]
    own: bool

    def __str__(self) -> str:
        return f"{self.what} ({self.where})"


@dataclass(frozen=True, slots=True)
class Recognised:
    """The builds that it may be, by age, and why.

    All of them where nothing tells. None where it is none of them, or where the evidence contradicts itself,
    as it does where servers are of different builds: then ``upgrades`` says between which two a rolling
    upgrade may have been under way.
    """

    builds: tuple[str, ...]
    evidence: tuple[Evidence, ...]
    upgrades: tuple[tuple[str, str], ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """As commands take them."""
        return self.builds or tuple(map(ROLLING.join, self.upgrades))

    @property
    def possible(self) -> frozenset[str]:
        """Of which builds some server may be."""
        return frozenset(chain(self.builds, *self.upgrades))

    @property
    def why(self) -> str:
        """In a sentence without an end."""
        if not self.evidence:
            return "no log tells the build"
        more = len(self.evidence) - _FEW
        listed = ", ".join(map(str, self.evidence[:_FEW])) + (f" and {more} more" if more > 0 else "")
        if self.upgrades:
            return f"an upgrade, server by server: {listed}"
        return listed if self.builds else f"no build is all of {listed}"


#: when a server started (ns), and of which builds it may be since
Started = tuple[int, tuple[str, ...]]
Name = TypeVar("Name", int, str)


class Tellings:
    """What the lines of one log say of builds, a `Version` from each start on."""

    def __init__(self) -> None:
        self.versions: list[Version] = []

    @staticmethod
    def any_in(message: str) -> bool:
        """Whether a line with this message may say something."""
        return message in _MESSAGES or message.startswith(_WELCOME)

    def hear(self, where: Where, at_ns: int, message: str, fields: Mapping[str, str]) -> bool:
        """Take in a line; whether another `Version` begins with it."""
        own = message in _SELF
        release = fields.get(_RELEASE_IN[message], "") if message in _RELEASE_IN else ""
        release = "" if release in _UNKNOWN or len(release) > _MAX_RELEASE else release
        commit = fields.get("git-hash", "") if own else ""
        commit = commit if _COMMIT.fullmatch(commit) else ""
        spoken = chain((message, fields.get("error", "")), (f"{message} [{name}]" for name in fields))
        words = {word: where for word in spoken if word in _WORDS}
        before = self.versions[-1] if self.versions else None
        if (
            before is None
            or message.startswith(_WELCOME)
            # the line above it was lost
            or (own and release and before.release not in ("", release))
            or (commit and before.commit not in ("", commit))
        ):
            self.versions.append(Version(where, "", at_ns, release, commit, words))
            return True
        if release or commit or not words.keys() <= before.words.keys():
            release, commit = before.release or release, before.commit or commit
            self.versions[-1] = replace(
                before, release=release, commit=commit, words={**words, **before.words}
            )
        return False

    def named(self, server: str) -> None:
        """The server that starts is called so."""
        if self.versions and not self.versions[-1].server:
            self.versions[-1] = replace(self.versions[-1], server=server)


def recognise(versions: Iterable[Version]) -> Recognised:
    """The builds of which all may be that say this: one server, or all of a trace at all times."""
    versions = [*versions]
    builds: tuple[str, ...] = BUILDS
    kept: dict[str, Evidence] = {}
    evidence = chain.from_iterable(map(_evidence, versions))
    for each in sorted(evidence, key=lambda each: (not each.own, len(each.builds))):
        left = tuple(build for build in builds if build in each.builds)
        if (each.own or left != builds) and each.what not in kept:
            kept[each.what] = each
        builds = left
    upgrades = () if builds or len(versions) < 2 else tuple(islice(_rollouts(versions), _UPGRADES))
    return Recognised(builds, tuple(kept.values()), upgrades)


def started(versions: Iterable[Version], called: Callable[[str], Name]) -> dict[Name, list[Started]]:
    """By server, as it is called, when it started and of which builds it may be since."""
    found: defaultdict[Name, list[Started]] = defaultdict(list)
    for each in versions:
        found[called(each.server)].append((each.at_ns, recognise([each]).builds))
    return dict(found)


def _rollouts(versions: Iterable[Version]) -> Iterator[tuple[str, str]]:
    """Between which two builds a rolling upgrade may have been under way: each server went from the first to
    the second at one of its starts, or was of one of them all the time."""
    of_each = started(versions, str).values()
    every = [builds for each in of_each for _, builds in each]
    for old, new in permutations(BUILDS, 2):
        needed = all(any(each not in builds for builds in every) for each in (old, new))
        if needed and all(upgraded_at(each, old, new) is not None for each in of_each):
            yield old, new


def upgraded_at(started: Sequence[Started], old: str, new: str) -> float | None:
    """At which of its starts (ns) a server went from a build to another; `inf`: at none; `None`: it did not,
    for it was neither, or went back."""
    at = next((i for i, (_, builds) in enumerate(started) if old not in builds), None)
    if at is None:
        return inf
    return started[at][0] if all(new in builds for _, builds in started[at:]) else None


def _evidence(version: Version) -> Iterator[Evidence]:
    """What a version tells."""
    described = _DESCRIBED.fullmatch(version.release)
    commit = version.commit or (described[1] if described else version.release.removesuffix("-dirty"))
    known = [
        build for full, build in _COMMITS.items() if _COMMIT.fullmatch(commit) and full.startswith(commit)
    ]
    if known:
        yield Evidence(f"commit {commit[:10]}", version.where, tuple(known), own=True)
    released = _released(version.release)
    if released is not None:
        yield Evidence(f"release {version.release}", version.where, released, own=True)
    for word, where in version.words.items():
        first, last = (BUILDS.index(build) for build in _WORDS[word])
        yield Evidence(f'"{word}"', where, BUILDS[first : last + 1], own=False)


def _released(release: str) -> tuple[str, ...] | None:
    """The build of a release, none if there is none of it; `None` if that is no release."""
    parts = _RELEASE.fullmatch(release.rpartition("/")[2])
    if parts is None or _UNRELEASED.match(parts[3] or ""):
        return None
    version, suffix = (int(parts[1]), int(parts[2])), parts[3] or ""
    found = [
        (len(begin), build)
        for first, last, begin, build in _RELEASES
        if first <= version <= last and suffix.startswith(begin)
    ]
    return (max(found)[1],) if found else ()
