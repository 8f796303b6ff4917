"""Explorers of the reference protocol that owe nothing to this project's engines: C++ by hand, and Spin."""

from __future__ import annotations

import re
import resource
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from .results import CPP, SPIN, Result

#: P, S, T, C of the reference protocol
Size = tuple[int, int, int, int]
#: one search; each call is a new one
Rival = Callable[[], Result]

_HERE = Path(__file__).parent
#: Spin as it is usually compiled, and with what makes it faster here
SPINS = {
    SPIN: ("-O3", "-DNOREDUCE"),
    f"{SPIN} tuned": ("-O3", "-DNOREDUCE", "-DSAFETY", "-march=native"),
}
#: Spin's hash table gets 2^this many slots for each state at least, so that its chains stay short
_SPARE_BITS = 1


def missing() -> list[str]:
    """One line for each rival that cannot take part here."""
    needed = {"the hand-written C++ explorer": ("g++",), "Spin": ("spin", "gcc")}
    return [
        f"no {' or no '.join(names)} here: {what} is left out"
        for what, programs in needed.items()
        if (names := [name for name in programs if shutil.which(name) is None])
    ]


@contextmanager
def rivals(size: Size, states: int) -> Iterator[list[Rival]]:
    """Those that are installed, compiled for that size; ``states``: about how many there are."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        made = [by_hand(size, folder), *(spin(size, folder, states, who) for who in SPINS)]
        yield [rival for rival in made if rival is not None]


def _sizes(size: Size) -> list[str]:
    return [*(f"-D{name}={value}" for name, value in zip("PSTC", size, strict=True)), "-DFENCE=1"]


def by_hand(size: Size, folder: Path) -> Rival | None:
    """The C++ explorer; None: no compiler."""
    compiler = shutil.which("g++")
    if compiler is None:
        return None
    program = folder / "reference"
    source = str(_HERE / "reference.cpp")
    options = ["-std=c++17", "-O3", "-march=native", *_sizes(size)]
    subprocess.run([compiler, *options, source, "-o", str(program)], check=True)

    def search() -> Result:
        done = subprocess.run([program], check=True, stdout=subprocess.PIPE, text=True)
        states, transitions, _, levels, seconds, memory = done.stdout.split()
        return Result(CPP, int(states), int(transitions), int(levels), float(seconds), memory=int(memory))

    return search


def spin(size: Size, folder: Path, states: int, who: str) -> Rival | None:
    """Spin's exact search, depth first, which is its fastest; None: no Spin, or no compiler."""
    if shutil.which("spin") is None or shutil.which("gcc") is None:
        return None
    subprocess.run(
        ["spin", "-a", *_sizes(size), str(_HERE / "reference.pml")],
        check=True,
        cwd=folder,
        stdout=subprocess.DEVNULL,
    )
    program = folder / who.replace(" ", "-")
    options = [*SPINS[who], "-DMEMLIM=8000"]
    subprocess.run(["gcc", *options, "pan.c", "-o", str(program)], check=True, cwd=folder)
    slots = states.bit_length() + _SPARE_BITS

    def search() -> Result:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        done = subprocess.run(
            [program, "-m1000000", f"-w{slots}"],
            check=True,
            cwd=folder,
            stdout=subprocess.PIPE,
            text=True,
        )
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        return _spins(who, done.stdout, seconds)

    return search


def _spins(who: str, printed: str, seconds: float) -> Result:
    """What Spin printed; it counts the initial state as a transition.

    Raises:
        ValueError: it did not search everything.
    """
    if "errors: 0" not in printed or "Search not completed" in printed or "max search depth" in printed:
        raise ValueError(f"Spin did not search everything: {printed}")
    stored, transitions = (
        int(found[1]) if (found := re.search(rf"(\d+) {what}", printed)) else 0
        for what in ("states, stored", "transitions")
    )
    state_bytes = re.search(r"([\d.]+)\s+total actual memory usage", printed)
    stack_bytes = re.search(r"([\d.]+)\s+memory used for DFS stack", printed)
    memory = (float(state_bytes[1]) if state_bytes else 0) - (float(stack_bytes[1]) if stack_bytes else 0)
    return Result(who, stored, transitions - 1, 0, seconds, memory=int(memory * (1 << 20)))
