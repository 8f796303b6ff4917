"""What is installed: the wheel holds `tsofence` alone, imports go one way, locks keep to pyproject.toml."""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tomllib
import zipfile
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import networkx
import pytest
from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
DATA = (
    "checker/proof/known.json",
    "checker/proof/lasting.json",
    "checker/proof/stricter.json",
    "checker/reductions/tables.json.gz",
    "py.typed",
    "specs/history/*.toml",
    "specs/scenarios/*.toml",
    "traces/page/templates/*",
)

# cli -> commands -> library -> traces -> checker -> specs -> model: each may import what stands before it.
LAYERS = ("model", "specs", "checker", "traces", "library", "commands", "cli")
#: modules of the root that are no layer, and up to which one they may import
BEYOND = {"cli": "cli", "__main__": "cli", "testing": "library"}


def sources() -> list[Path]:
    """Every module, relative to the root; those of a subpackage that pyproject.toml forgot as well."""
    top = [path.relative_to(ROOT) for path in ROOT.glob("*.py")]
    below = [path.relative_to(ROOT) for layer in LAYERS for path in (ROOT / layer).rglob("*.py")]
    return sorted(top + below)


def run(*command: str, cwd: Path) -> str:
    env = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        command, cwd=cwd, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel made from an sdist, as a release is, of a copy: what an earlier build left must not get in."""
    base = tmp_path_factory.mktemp("packaging")
    leave = shutil.ignore_patterns(".*", "__pycache__", "build", "dist", "*.egg-info")
    shutil.copytree(ROOT, base / "source", ignore=leave)
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", "../dist", cwd=base / "source")
    (wheel,) = (base / "dist").glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(base / "unpacked")
    return base / "unpacked"


def test_wheel_holds_the_package_and_nothing_else(unpacked: Path) -> None:
    package, info = sorted(unpacked.iterdir(), key=lambda path: path.suffix)
    assert (package.name, info.suffix) == ("tsofence", ".dist-info")

    found = {path.relative_to(package) for path in package.rglob("*") if path.is_file()}
    data = {path.relative_to(ROOT) for pattern in DATA for path in ROOT.glob(pattern) if path.is_file()}
    assert found == set(sources()) | data
    assert Path("py.typed") in found


def test_wheel_imports_on_its_own(unpacked: Path) -> None:
    """Every module, not just the first: `import model` would work in the tree and fail here."""
    program = (
        "import importlib, pkgutil, tsofence\n"
        "for module in pkgutil.walk_packages(tsofence.__path__, 'tsofence.'):\n"
        "    importlib.import_module(module.name)\n"
        "print(tsofence.__file__)\n"
    )
    printed = run(sys.executable, "-c", program, cwd=unpacked)
    assert Path(printed.strip()).resolve() == (unpacked / "tsofence" / "__init__.py").resolve()


@pytest.fixture
def installed(unpacked: Path, tmp_path: Path) -> Path:
    """The commands of a new environment that has the wheel; what that needs is taken from here."""
    (wheel,) = (unpacked.parent / "dist").glob("*.whl")
    fresh = tmp_path / "venv"
    run(sys.executable, "-m", "venv", "--without-pip", str(fresh), cwd=tmp_path)
    into = f"--python={fresh}"
    run(
        sys.executable,
        "-m",
        "pip",
        into,
        "install",
        "--quiet",
        "--no-deps",
        "--no-index",
        str(wheel),
        cwd=tmp_path,
    )
    (packages,) = fresh.glob("lib/python*/site-packages")
    (packages / "dependencies.pth").write_text(f"{sysconfig.get_path('purelib')}\n")
    return fresh / "bin"


def test_it_works_where_nothing_of_the_tree_is(installed: Path, tmp_path: Path) -> None:
    """The README's commands in a folder that has only what they were told to write."""
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    shutil.copytree(ROOT / "tests" / "recordings" / "upgrade-fenced", folder / "recording")
    tsofence = str(installed / "tsofence")

    (folder / "mine.toml").write_text(run(tsofence, "list", "scenario", "tso-restart", cwd=folder))
    asked = ("explore", "--scenario", "mine.toml", "--fence", "off", "--property", "one-live")
    found = folder / "found" / "off.one-live.json"
    ended = subprocess.run([tsofence, *asked, "--runs", "found", "--quiet"], cwd=folder, check=False)
    assert (ended.returncode, found.is_file()) == (1, True)
    run(tsofence, "show", str(found), "--to", "html", "-o", "run.html", cwd=folder)
    assert "<script" in (folder / "run.html").read_text(encoding="utf-8")
    judged = ("replay", "recording", "--fence", "check-tso-primary", "--property", "session", "--quiet")
    run(tsofence, *judged, "--to", "html", "-o", "incident.html", cwd=folder)
    for each in ("scenarios", "fences", "schemas"):
        run(tsofence, "list", each, cwd=folder)
    python = str(installed / "python")
    assert "version" in run(python, "-m", "tsofence", "--version", cwd=folder)
    place = run(python, "-c", "import tsofence; print(tsofence.__file__)", cwd=folder)
    assert Path(place.strip()).is_relative_to(installed.parent)
    (folder / "test_it.py").write_text("def test_it(tsofence_record): pass\n")
    assert "1 passed" in run(python, "-m", "pytest", "-q", "-p", "no:cacheprovider", cwd=folder)


def imported(path: Path, text: str) -> Iterator[tuple[int, str]]:
    """Line and full name of everything that the module at `path` imports, relative names resolved."""
    package = ["tsofence", *path.parent.parts]
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            origin = [*base, *([node.module] if node.module else [])]
            yield from ((node.lineno, ".".join([*origin, alias.name])) for alias in node.names)


def wrong_arrows(path: Path, text: str) -> list[str]:
    """The imports of a module that point upwards; the root `__init__` may only name the library."""
    own = path.parts[0].removesuffix(".py")
    if own == "__init__":
        may: tuple[str, ...] = ("library",)
    else:
        may = LAYERS[: LAYERS.index(BEYOND.get(own, own)) + 1]
    return [
        f"{path}:{line}: imports {name}"
        for line, name in imported(path, text)
        if name.startswith("tsofence.") and (layer := name.split(".")[1]) in LAYERS and layer not in may
    ]


@pytest.mark.parametrize("path", sources(), ids=str)
def test_arrows_go_one_way(path: Path) -> None:
    assert wrong_arrows(path, (ROOT / path).read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    ("path", "text", "wrong"),
    [
        ("model/a.py", "from ..specs.b import c", True),
        ("model/a.py", "from .. import specs", True),
        ("model/a.py", "import tsofence.checker", True),
        ("specs/deep/a.py", "from ...traces import b", True),
        ("traces/a.py", "from tsofence.cli import main", True),
        ("__init__.py", "from .model import a", True),
        ("__init__.py", "from .library import a", False),
        ("library/a.py", "from ..commands import b", True),
        ("testing.py", "from . import cli", True),
        ("testing.py", "from .library import a", False),
        ("model/a.py", "from .specs import b", False),
        ("model/a.py", "from .. import __version__", False),
        ("specs/a.py", "from ..model import b", False),
        ("traces/a.py", "from ..checker.b import c", False),
        ("cli.py", "from .traces import a", False),
    ],
)
def test_a_wrong_arrow_is_noticed(path: str, text: str, wrong: bool) -> None:
    assert bool(wrong_arrows(Path(path), text)) is wrong


def module_of(name: str) -> Path | None:
    """The module that an imported name is, or stands in, relative to the root; None if it is not ours."""
    parts = name.split(".")
    while parts[0] == "tsofence" and len(parts) > 1:
        path = Path(*parts[1:])
        for file in (path.with_suffix(".py"), path / "__init__.py"):
            if (ROOT / file).is_file():
                return file
        parts.pop()
    return None


def uses(path: Path, text: str) -> list[Path]:
    """The modules of ours that the module at `path` imports, wherever it does."""
    found = {module_of(name) for _, name in imported(path, text)} - {path}
    return sorted(module for module in found if module is not None)


def docstring(folder: Path) -> str:
    text = (ROOT / folder / "__init__.py").read_text(encoding="utf-8")
    return ast.get_docstring(ast.parse(text)) or ""


def below(path: Path) -> str:
    """The folder or module that a package lists for a module of its."""
    return path.parts[1].removesuffix(".py")


def floors(package: str) -> list[list[str]]:
    """The order in a package, from its docstring: each line may use those above, and what else is on it."""
    lines = [line for line in docstring(Path(package)).splitlines() if line.startswith("- ")]
    return [re.findall(r"`(\w+)`", line.split(":")[0]) for line in lines]


def climbs(path: Path, text: str, order: list[list[str]]) -> list[str]:
    """What a module uses of its own package that stands below it."""
    floor = {name: number for number, names in enumerate(order) for name in names}
    own = [each for each in uses(path, text) if each.parts[0] == path.parts[0] and len(each.parts) > 1]
    return [f"{path}: uses {each}" for each in own if floor.get(below(each), 0) > floor.get(below(path), 0)]


def behind_doors(path: Path, text: str) -> list[str]:
    """What a module uses of other folders that they do not name as meant for others."""
    doors = {each: docstring(each.parent).partition("From outside:") for each in uses(path, text)}
    return [
        f"{path}: uses {each}, which {each.parent}/__init__.py does not name"
        for each, (_, said, names) in doors.items()
        if said and each.parent != path.parent and f"`{each.stem}`" not in names
    ]


def circles(graph: networkx.DiGraph[str]) -> list[list[str]]:
    """Modules each of which needs all the others."""
    return sorted(sorted(each) for each in networkx.strongly_connected_components(graph) if len(each) > 1)


PACKAGES = ("model", "checker", "traces")
WITHIN = [path for path in sources() if path.parts[0] in PACKAGES and path.name != "__init__.py"]
#: these are still to be taken apart


@pytest.mark.parametrize("package", PACKAGES)
def test_a_package_lists_its_folders(package: str) -> None:
    there = {below(path) for path in WITHIN if path.parts[0] == package}
    assert sorted(name for names in floors(package) for name in names) == sorted(there)


@pytest.mark.parametrize("path", WITHIN, ids=str)
def test_folders_use_those_above_and_what_is_meant_for_others(path: Path) -> None:
    text = (ROOT / path).read_text(encoding="utf-8")
    assert climbs(path, text, floors(path.parts[0])) == []
    assert behind_doors(path, text) == []


def test_modules_need_each_other_in_no_circle() -> None:
    """Wherever a module imports: an import in a function is no way out."""
    graph = networkx.DiGraph(
        (str(path), str(each))
        for path in sources()
        for each in uses(path, (ROOT / path).read_text(encoding="utf-8"))
    )
    assert circles(graph) == []


@pytest.mark.parametrize("page", ["ARCHITECTURE.md", "docs/decisions.md"])
def test_the_architecture_names_files_that_are_there(page: str) -> None:
    there = {f"/{path.relative_to(ROOT).as_posix()}" for path in map(ROOT.joinpath, sources())}
    there |= {f"/{path.relative_to(ROOT).as_posix()}" for path in (ROOT / "tests").rglob("*.py")}
    named = re.findall(r"`([\w/]+\.py)`", (ROOT / page).read_text(encoding="utf-8"))
    assert named
    assert [name for name in named if not any(path.endswith(f"/{name}") for path in there)] == []


def test_what_stands_wrong_is_noticed() -> None:
    order = [["run"], ["search"], ["proof"]]
    for text in ("from ..proof.prove import a", "def f():\n    from ..proof import prove"):
        assert climbs(Path("checker/search/a.py"), text, order)
        assert not climbs(Path("checker/proof/a.py"), text, order)
        assert not climbs(Path("checker/search/a.py"), text, [["run"], ["search", "proof"]])
    assert climbs(Path("checker/run.py"), "from .search import explore", order)
    assert not climbs(Path("checker/search/a.py"), "from ..run import Run", order)
    assert behind_doors(Path("traces/tell/a.py"), "from ..sources.etcd import key_of")
    assert not behind_doors(Path("traces/tell/a.py"), "from ..sources.reading import read")
    assert not behind_doors(Path("traces/sources/a.py"), "from .etcd import key_of")
    assert circles(networkx.DiGraph([("a", "b"), ("b", "c"), ("c", "a"), ("c", "d")])) == [["a", "b", "c"]]


PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
EXTRAS = PROJECT["project"]["optional-dependencies"]
#: what each lock installs; the build backend too, since make builds without isolation
DEV = [*PROJECT["project"]["dependencies"], *EXTRAS["dev"], *PROJECT["build-system"]["requires"]]
LOCKED = {"dev": DEV, "cluster": [*DEV, *EXTRAS["cluster"]]}


def entries(lock: str) -> list[str]:
    """The entries of a lock, each in one line; comments are left out."""
    text = (ROOT / "requirements" / f"{lock}.txt").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    return "\n".join(lines).replace("\\\n", " ").splitlines()


def pinned(lock: str, python: str) -> dict[str, Requirement]:
    """What a lock installs with that Python, by name."""
    asked = [Requirement(entry.split(" --hash=")[0]) for entry in entries(lock)]
    here = {name: str(value) for name, value in default_environment().items()}
    here |= {"python_version": python, "python_full_version": f"{python}.0"}
    chosen = [each for each in asked if each.marker is None or each.marker.evaluate(here)]
    found: dict[str, Requirement] = {canonicalize_name(each.name): each for each in chosen}
    assert len(found) == len(chosen), "a version each"
    return found


@pytest.mark.parametrize("lock", LOCKED)
def test_a_lock_has_versions_and_hashes_and_nothing_else(lock: str) -> None:
    """No address: where packages come from is the machine's business."""
    assert entries(lock)
    for entry in entries(lock):
        asked, *hashes = re.split(r"\s+--hash=", entry.strip())
        (pin,) = Requirement(asked).specifier
        assert (pin.operator, Requirement(asked).url) == ("==", None), entry
        assert hashes, entry
        assert all(re.fullmatch(r"sha256:[0-9a-f]{64}", each) for each in hashes), entry


@pytest.mark.parametrize("python", ["3.11", "3.12", "3.13", "3.14"])
@pytest.mark.parametrize("lock", LOCKED)
def test_a_lock_is_within_the_bounds_of_pyproject(lock: str, python: str) -> None:
    found = pinned(lock, python)
    for asked in map(Requirement, LOCKED[lock]):
        (pin,) = found[canonicalize_name(asked.name)].specifier
        assert asked.specifier.contains(pin.version), f"{asked} is locked as {pin}: run make lock"


@pytest.mark.parametrize("python", ["3.11", "3.14"])
def test_the_locks_agree(python: str) -> None:
    assert pinned("dev", python).items() <= pinned("cluster", python).items()


def test_what_may_break_is_bounded() -> None:
    """Each dependency ends before the first version that may break its interface."""
    for asked in map(
        Requirement,
        [
            *PROJECT["project"]["dependencies"],
            *(each for name in EXTRAS if name != "dev" for each in EXTRAS[name]),
        ],
    ):
        assert {bound.operator for bound in asked.specifier} == {">=", "<"}, asked


def test_what_the_texts_say_to_install_is_in_a_clone() -> None:
    """No registry has tsofence: a name of its own would find nothing, or something else."""
    said: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
    for path in [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), *map(ROOT.joinpath, sources())]:
        for target, extra in re.findall(r"pip install '?([^'`\s\[]+)(?:\[(\w+)\])?", path.read_text("utf-8")):
            said[path.name, target].add(extra)
    assert "cluster" in said["explore.py", "."] & said["README.md", "."]
    assert {target for _, target in said} == {"."}
    assert set().union(*said.values()) <= {"", *EXTRAS}
