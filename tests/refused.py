"""Commands that end in one line, run in this process: to start another one for each takes a second."""

from pathlib import Path

import pytest

from tsofence import cli


def refused(capsys: pytest.CaptureFixture[str], *args: str | Path) -> str:
    """The line with which the command says why it does nothing: status 2, and nothing on stdout."""
    with pytest.raises(SystemExit) as ended:
        cli.main([*map(str, args)])
    said = capsys.readouterr()
    assert (ended.value.code, said.out) == (2, "")
    (line,) = said.err.splitlines()
    return line
