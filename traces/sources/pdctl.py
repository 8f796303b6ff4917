"""What a PD answers when it is asked for its cluster: names, addresses, releases and settings, of no time.

| question | what it tells |
|---|---|
| `pd-ctl member`, `GET /pd/api/v1/members` | the name, client URLs, release and commit of each PD |
| `pd-ctl config show all`, `GET /pd/api/v1/config` | name, addresses, intervals and lease of the PD asked |

It is taken where nothing else tells: when it was asked, and whether that was so during the trace, nobody
says.  Source: PD's `server/api/member.go` (getMembers), `server/config/config.go`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from .builds import Version
from .lines import Tally, json_object
from .observation import MAX_NAME, MAX_TEXT, Service, Where
from .settings import Name, Setting, given, server_start

#: PDs of one cluster, and addresses of one PD
_MANY = 100
_CONFIG = {"name", "lease", "tso-save-interval", "client-urls"}


@dataclass(slots=True)
class Answer:
    """Of PDs by name their addresses, what they say of their builds; of one what it is configured with."""

    urls: dict[str, tuple[str, ...]] = field(default_factory=dict)
    versions: list[Version] = field(default_factory=list)
    settings: dict[Name, Setting] = field(default_factory=dict)

    @property
    def told(self) -> str:
        """What is to be said of it where there is nothing else."""
        what = "how a PD is configured" if self.settings else "who the PDs are"
        return f"it tells {what}, and nothing that happened: give logs, samples or a watch of etcd as well"


def recognise(document: Any) -> bool:
    """Whether a parsed line is such an answer."""
    return isinstance(document, dict) and (_CONFIG <= document.keys() or bool(_members(document)))


def decode(file: str, lines: Iterable[tuple[int, bytes | None]], tally: Tally) -> Answer:
    """All that the answers in a file say, the last one of what several say."""
    found = Answer()
    for number, line in lines:
        document = json_object(number, line, tally)
        if document is None:
            continue
        if not recognise(document):
            tally.other += 1
            continue
        where = Where(file, number)
        if _CONFIG <= document.keys():
            told = server_start(where, Service.PD, 0, {"config": str(line or b"", "utf-8")})
            intervals = {
                "save_interval_ns": told.save_interval_ns,
                "update_interval_ns": told.update_interval_ns,
            }
            for name, value in given(**intervals, lease_s=told.lease_s).items():
                found.settings[name] = Setting(value, f"as PD answered: {where}")
            if told.server and told.urls:
                found.urls[told.server] = told.urls
        for member in _members(document):
            name = member["name"]
            found.urls[name] = tuple(filter(None, map(_text, member["client_urls"][:_MANY])))
            release, commit = _text(member.get("binary_version")), _text(member.get("git_hash"))
            found.versions.append(Version(where, name, 0, release, commit))
    return found


def together(answers: Iterable[Answer]) -> dict[Name, Setting]:
    """The settings in which all answers agree."""
    found: dict[Name, Setting] = {}
    differs: set[Name] = set()
    for answer in answers:
        for name, told in answer.settings.items():
            if found.setdefault(name, told).value != told.value:
                differs.add(name)
    return {name: value for name, value in found.items() if name not in differs}


def _members(document: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The PDs in an answer that names them."""
    members = document.get("members")
    if not isinstance(members, list):
        return []
    return [
        each
        for each in members[:_MANY]
        if isinstance(each, dict)
        and 0 < len(_text(each.get("name"))) <= MAX_NAME
        and isinstance(each.get("client_urls"), list)
    ]


def _text(value: Any) -> str:
    return value if isinstance(value, str) and len(value) <= MAX_TEXT and value.isascii() else ""
