"""What may come of a file that nobody vouches for: its refusal in one line, or a result that can be shown."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

from tsofence import cli
from tsofence.specs import scenario
from tsofence.traces.explain import replay as replaying
from tsofence.traces.explain.replay import Report
from tsofence.traces.output.terminal import Terminal, one_line
from tsofence.traces.page import pages
from tsofence.traces.questions.ask import ask
from tsofence.traces.runs import files as run_files
from tsofence.traces.runs.rerun import rerun
from tsofence.traces.sources import reading
from tsofence.traces.sources.naming import Places
from tsofence.traces.sources.observation import BadInput
from tsofence.traces.story import show
from tsofence.traces.tell import results
from tsofence.traces.tell.answered import answered
from tsofence.traces.tell.explored import explored
from tsofence.traces.tell.matrix import Exploring
from tsofence.traces.tell.outlet import as_json
from tsofence.traces.tell.replayed import replayed, rerun_text

from ..documents import read_document

_ONE_LINE = 2_100


def is_harmless(line: str) -> bool:
    """Nothing in it is anything that a terminal could obey; a space that does not break is not."""
    return line.replace("\N{NO-BREAK SPACE}", "").isprintable()


def told(error: Exception) -> None:
    """A refusal, in one line that a terminal can be given."""
    line = one_line(error)
    assert is_harmless(line)
    assert len(line) < _ONE_LINE


def _printed(*parts: Any) -> None:
    """Shown as on a terminal; nothing in it is anything that a terminal could obey."""
    out = io.StringIO()
    terminal = Terminal(file=out)
    for part in parts:
        terminal.print(part)
    for line in out.getvalue().split("\n"):
        assert is_harmless(line)


def recording(paths: Sequence[Path], fences: Sequence[str] = ()) -> Report | None:
    """Files of a recording: judged, shown, and explained by runs that their own files tell again."""
    try:
        trace = reading.read(paths)
    except BadInput as error:
        told(error)
        return None
    found = replaying.replay(trace, fences)
    assert found.sources
    answers = ask(trace, found.properties, found.build)
    document = as_json(results.replayed(found, answers, Places(trace)))
    assert document.isascii()
    read_document(document)
    names = [source.file for source in found.sources]
    _printed(replayed(found, {}, details=True), answered(answers, names, details=True))
    assert pages.of_recording(trace, found).count("<script") == 2, "its data and its own"
    for verdict in found.fences:
        assert verdict.conforms is not None or verdict.note
        if verdict.run is not None:
            assert run_files.parse(run_files.dumps(verdict.run).encode(), "run.json") == verdict.run
    return found


def run_file(path: Path) -> None:
    """A run file: taken again step by step, and shown in every form."""
    try:
        run = run_files.load(path)
    except BadInput as error:
        told(error)
        return
    _printed(show.text(run), rerun_text(rerun(run, [run.fence, "off", "save-cas"], [])))
    assert show.mermaid(run)
    assert pages.of_run(run)
    read_document(as_json(show.data(run)))
    assert run_files.parse(run_files.dumps(run).encode(), "run.json") == run


def scenario_file(path: Path) -> None:
    """A scenario: as many servers and faults as a search can have, or none."""
    try:
        world = scenario.load(str(path))
    except scenario.ScenarioError as error:
        told(error)
        return
    screen = Exploring(Terminal(file=io.StringIO()), world, ["off"], ["unique"], live=False)
    _printed(screen._render(), explored(world, [], {}, tell_runs=True))


def command(*args: str) -> tuple[int, dict[str, Any]]:
    """A whole command that writes JSON to stdout: its exit status, and the result unless it was refused."""
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        try:
            cli.main([*args, "--json", "-", "--no-progress"])
        except SystemExit as ended:
            status = ended.code
    assert isinstance(status, int), status
    assert status in (0, 1, 2, 3), err.getvalue()
    assert "Traceback" not in err.getvalue()
    if status == 2:
        (line,) = err.getvalue().splitlines()
        assert line.startswith("tsofence: ")
        assert is_harmless(line)
        return status, {}
    result: dict[str, Any] = json.loads(out.getvalue())
    assert result["fault"] is None
    return status, result
