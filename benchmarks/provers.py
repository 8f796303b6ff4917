"""How fast proofs are, beside mypyvy's of its own examples, in one run: whole commands, processor time.

`python -m benchmarks.provers MYPYVY [EXAMPLE]...`: MYPYVY is a folder with https://github.com/wilcoxjay/mypyvy
(its commit cd80557 was tried), run by this Python; it imports flask, networkx and typing_extensions.  Both
check lemmas that are written down, one obligation after the other, with the same z3.  `prove` also asks
which guards and which constraints each obligation needs, and which steps can happen; mypyvy does not, so the
comparison is to mypyvy's advantage.  Systems differ: what compares is the time for an obligation.
"""

from __future__ import annotations

import json
import re
import resource
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

#: of mypyvy
EXAMPLES = (
    "toy_consensus_forall",
    "toy_leader_consensus_epr",
    "lockserv",
    "paxos_epr",
    "multi_paxos_epr",
    "raft_epr",
)
#: of tsofence: fence and property
PROOFS = (("off", "key-monotone"), ("off", "window"), ("save-cas", "unique"), ("check-tso-primary", "unique"))
#: assumptions that the last of these needs
ASSUMED = ("first-primary-stays", "service-mode-only", "no-client-syncs", "no-stale-deletes")
_ANSWERED = re.compile(r"\.\.\. ok\. \(")


@dataclass(frozen=True, slots=True)
class Proved:
    """A proof by one command."""

    who: str
    what: str
    obligations: int
    seconds: float

    @property
    def each(self) -> float:
        """ms for an obligation."""
        return 1000 * self.seconds / self.obligations


def timed(command: Sequence[str]) -> tuple[str, float]:
    """What a command prints, and the seconds of the processor that it took.

    Raises:
        SystemExit: it fails.
    """
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} ended with {done.returncode}:\n{done.stderr or done.stdout}")
    return done.stdout, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def by_mypyvy(folder: Path, example: str) -> Proved:
    """One of its examples, verified."""
    file = folder / "examples" / f"{example}.pyv"
    printed, seconds = timed([sys.executable, str(folder / "src" / "mypyvy.py"), "verify", str(file)])
    if "all ok!" not in printed:
        raise SystemExit(f"mypyvy does not prove {example}")
    return Proved("mypyvy", example, len(_ANSWERED.findall(printed)), seconds)


def by_tsofence(fence: str, prop: str) -> Proved:
    """A property, proved from the lemmas that come with tsofence."""
    needed = ASSUMED if fence == "check-tso-primary" else ()
    assumed = [word for name in needed for word in ("--assume", name)]
    asked = ["prove", "--fence", fence, "--property", prop, *assumed, "--json", "-"]
    printed, seconds = timed([sys.executable, "-m", "tsofence", *asked])
    (proof,) = json.loads(printed)["results"]
    if proof["verdict"] != "proved":
        raise SystemExit(f"{prop} under {fence} is {proof['verdict']}")
    return Proved("tsofence", f"{fence}: {prop}", len(proof["obligations"]), seconds)


def table(proofs: Sequence[Proved]) -> Table:
    """A row a proof; the last column: beside mypyvy's proof whose number of obligations is nearest, the time
    for an obligation."""
    made = Table(box=None, pad_edge=False)
    for column in ("by", "proof"):
        made.add_column(column, no_wrap=True)
    for column in ("obligations", "s", "ms each", "nearest of mypyvy", "x its ms"):
        made.add_column(column, no_wrap=True, justify="right")
    theirs = [proof for proof in proofs if proof.who == "mypyvy"]
    for proof in proofs:
        row = [proof.who, proof.what, str(proof.obligations), f"{proof.seconds:.2f}", f"{proof.each:.1f}"]
        if proof not in theirs and theirs:
            near = min(theirs, key=lambda other: abs(other.obligations - proof.obligations))
            row += [near.what, f"{proof.each / near.each:.2f}"]
        made.add_row(*row)
    return made


def main(arguments: Sequence[str]) -> int:
    """Print the table."""
    if not arguments or not (Path(arguments[0]) / "src" / "mypyvy.py").is_file():
        raise SystemExit("name a folder with mypyvy (github.com/wilcoxjay/mypyvy): no src/mypyvy.py there")
    folder, *examples = arguments
    proofs = [by_mypyvy(Path(folder), example) for example in examples or EXAMPLES]
    proofs += [by_tsofence(fence, prop) for fence, prop in PROOFS]
    Console(width=max(120, Console().width)).print(table(proofs))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
