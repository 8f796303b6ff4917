"""Commands that end in one line, each in a process of its own: what one learned of files must not stay."""

import subprocess
import sys
from pathlib import Path

TSOFENCE = Path(sys.executable).with_name("tsofence")


def refused(*args: str | Path) -> str:
    """The line with which the command says why it does nothing: status 2, and nothing on stdout."""
    done = subprocess.run([TSOFENCE, *map(str, args)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    return line
