"""Replay of recordings that are cut, shuffled or full of holes: a verdict or `unknown`, never a false one."""

import gzip
import json
import random
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import pytest

from tsofence.traces.explain.replay import replay
from tsofence.traces.sources.observation import BadInput
from tsofence.traces.sources.reading import read

from ..amount import ALL, spread

RECORDINGS = Path(__file__).parents[1] / "recordings"
#: the fences that each recording conforms to
TRUE = {
    "upgrade-unfenced": ("off",),
    "upgrade-fenced": ("check-tso-primary",),
    "pd-failover": ("off", "check-tso-primary"),
}
#: the same, of clusters with a PD in API mode
TRUE_IN_API_MODE = {
    "upgrade-fenced-debug": ("check-tso-primary",),
    "tso-failover": ("check-tso-primary",),
    "pr8780": ("dynamic-8780",),
    "dynamic-switch-base": ("check-tso-primary",),
}
FENCES = ("off", "check-tso-primary")
#: cuts or holes in a file: every day the first, before a merge others
FEW, MORE = (0, 2), pytest.param((2, 8 if ALL else 4), marks=pytest.mark.large)

SERVERS = [
    (name, path.name)
    for name in TRUE
    for path in sorted((RECORDINGS / name).iterdir())
    if path.name.startswith(("etcd", "pd-", "tso-"))
]


def text(name: str, file: str) -> bytes:
    return gzip.decompress((RECORDINGS / name / file).read_bytes())


def others(name: str, file: str) -> list[Path]:
    """The other logs; of the watch streams, only the one in question is read."""
    paths = sorted((RECORDINGS / name).iterdir())
    return [path for path in paths if path.name.startswith(("pd-", "tso-")) and path.name != file] + [
        path for path in paths if path.name == "etcd-recv.jsonl.gz" and not file.startswith("etcd")
    ]


def never_false(name: str, paths: list[Path], fences: tuple[str, ...]) -> list[bool | None]:
    """Replay what can be read; what it conforms to in truth it may not be said not to conform to."""
    try:
        trace = read(paths)
    except BadInput:
        return []
    verdicts = replay(trace, fences).fences
    for verdict in verdicts:
        assert verdict.conforms is not False or verdict.fence not in (TRUE | TRUE_IN_API_MODE)[name], verdict
        assert verdict.conforms is not None or verdict.note
    return [verdict.conforms for verdict in verdicts]


@pytest.mark.parametrize(("name", "file"), SERVERS)
@pytest.mark.parametrize("cuts", [FEW, MORE])
def test_a_file_cut_at_any_byte(name: str, file: str, cuts: tuple[int, int], tmp_path: Path) -> None:
    """The beginning that is left conforms to what the whole does."""
    content = text(name, file)
    cut = tmp_path / file.removesuffix(".gz")
    first, last = cuts
    for at in sorted(random.Random(file).sample(range(len(content)), last)[first:]):
        cut.write_bytes(content[:at])
        verdicts = never_false(name, [cut, *others(name, file)], TRUE[name])
        assert all(verdicts) or not file.startswith("pd-"), at
        cut.write_bytes(content[at:])
        never_false(name, [cut, *others(name, file)], TRUE[name])


@pytest.mark.large
@pytest.mark.parametrize(("name", "file"), SERVERS)
def test_a_compressed_file_cut_at_any_byte(name: str, file: str, tmp_path: Path) -> None:
    content = (RECORDINGS / name / file).read_bytes()
    cut = tmp_path / file
    for at in random.Random(file).sample(range(len(content)), 4 if ALL else 1):
        cut.write_bytes(content[:at])
        never_false(name, [cut, *others(name, file)], FENCES)


def holes(lines: list[bytes], seed: str, many: int) -> Iterator[bytes]:
    chance = random.Random(seed)
    for _ in range(many):
        begin, end = sorted(chance.sample(range(len(lines) + 1), 2))
        yield b"".join(lines[:begin] + lines[end:])
        yield b"".join(lines[:begin] + lines[begin + 1 :])


@pytest.mark.parametrize("name", TRUE)
@pytest.mark.parametrize("which", [FEW, MORE])
def test_a_watch_with_holes(name: str, which: tuple[int, int], tmp_path: Path) -> None:
    file = "etcd-recv.jsonl.gz"
    lines = text(name, file).splitlines(keepends=True)
    holed = tmp_path / "etcd-recv.jsonl"
    first, last = which
    for content in [*holes(lines, name, last)][2 * first :]:
        holed.write_bytes(content)
        never_false(name, [holed, *others(name, file)], TRUE[name])
        never_false(name, [holed], TRUE[name])


@pytest.mark.parametrize(
    "name", [pytest.param("upgrade-unfenced", marks=pytest.mark.large), "upgrade-fenced", "pd-failover"]
)
def test_clients_shuffled_and_cut(name: str, tmp_path: Path) -> None:
    """The order of lines in a client's file does not matter, nor does a missing half."""
    paths = [path for path in sorted((RECORDINGS / name).iterdir()) if path.name.startswith("etcd-recv")]
    paths += [path for path in sorted((RECORDINGS / name).iterdir()) if path.name.startswith(("pd-", "tso-"))]
    chance = random.Random(name)
    clients = []
    for path in (RECORDINGS / name).glob("client-*"):
        lines = gzip.decompress(path.read_bytes()).splitlines(keepends=True)
        shuffled = tmp_path / path.name.removesuffix(".gz")
        shuffled.write_bytes(b"".join(chance.sample(lines, len(lines))))
        clients.append(shuffled)
    assert all(never_false(name, paths + clients, TRUE[name]))
    for client in clients:
        content = client.read_bytes()
        client.write_bytes(content[: len(content) // 2])
    assert all(never_false(name, paths + clients, TRUE[name]))


def test_a_filtered_watch(tmp_path: Path) -> None:
    """A watch on one key leaves gaps everywhere: what it shows is explained, nothing is refuted."""
    lines = text("upgrade-fenced", "etcd.jsonl.gz").splitlines()
    filtered = tmp_path / "etcd.jsonl"
    answers = []
    for line in lines:
        answer = json.loads(line)
        answer["Events"] = [
            event for event in answer.get("Events", []) if event["kv"]["key"].endswith("dGltZXN0YW1w")
        ]
        if answer["Events"]:
            answers.append(json.dumps(answer))
    filtered.write_text("\n".join(answers) + "\n")
    assert False not in never_false("upgrade-fenced", [filtered], FENCES)


@pytest.mark.parametrize("name", ["pr8780", "dynamic-switch-base"])
def test_a_log_that_begins_after_the_settings(name: str, tmp_path: Path) -> None:
    """That the PD may switch, other lines tell."""
    lines = text(name, "pd-pd1.log.gz").splitlines(keepends=True)
    settings = next(number for number, line in enumerate(lines) if b'["PD config"]' in line)
    cut = tmp_path / "pd-pd1.log"
    cut.write_bytes(b"".join(lines[settings + 1 :]))
    never_false(name, [cut, *others(name, "pd-pd1.log.gz")], TRUE_IN_API_MODE[name])


@pytest.mark.parametrize(
    ("name", "seed"),
    [
        *product(TRUE_IN_API_MODE, range(3)),
        *(
            pytest.param(*each, marks=pytest.mark.large)
            for each in spread([*TRUE_IN_API_MODE], range(3, 6), 3)
        ),
    ],
)
def test_what_is_left_of_a_cluster_in_api_mode(name: str, seed: int, tmp_path: Path) -> None:
    """A file without its beginning, its end or some lines in between, and often another one missing."""
    chance = random.Random(f"{name} {seed}")
    files = [path.name for path in sorted((RECORDINGS / name).iterdir())]
    watch, *logs = [file for file in files if file.startswith(("etcd-recv", "pd-", "tso-"))]
    kept = [watch, *(log for log in logs if chance.random() < 0.8)]
    damaged = chance.choice(kept)
    paths = []
    for file in kept:
        content = text(name, file)
        if file == damaged:
            begin, end = sorted(chance.sample(range(len(content)), 2))
            content = (content[:begin], content[begin:], content[:begin] + content[end:])[seed % 3]
        paths.append(tmp_path / file.removesuffix(".gz"))
        paths[-1].write_bytes(content)
    never_false(name, paths, TRUE_IN_API_MODE[name])
