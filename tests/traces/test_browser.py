"""Pages in a real browser: keys, links, no error, no request, hostile names inert, readable for all."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

from tsofence.traces.explain.replay import replay
from tsofence.traces.page import pages
from tsofence.traces.runs import files
from tsofence.traces.sources import reading

from ..browser import CHROMIUM, Browser, browser

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium here")

RUNS = Path(__file__).parents[1] / "runs"
UNIQUE = RUNS / "tso-restart.check-tso-primary.unique.json"
LASSO = RUNS / "lassos" / "mixed-upgrade.check-tso-primary.takeover.json"
#: where `make axe` puts axe-core
AXE = Path(sys.prefix) / "axe" / "node_modules" / "axe-core" / "axe.min.js"
HOSTILE = "<img src=x onerror=alert(1)></script><script>document.title='pwned'</script>\"'`${1}\u202e"


@pytest.fixture(scope="module")
def tab() -> Iterator[Browser]:
    with browser() as made:
        yield made


@pytest.fixture
def page(tab: Browser, tmp_path: Path) -> Iterator[Path]:
    tab.errors.clear()
    tab.requests.clear()
    tab.look(1280, 900)
    yield tmp_path / "page.html"
    assert tab.errors == []
    assert tab.requests == []


def selected(tab: Browser) -> tuple[str, str]:
    """The row that is selected, and the address."""
    row = tab.run("document.querySelector('tr.selected').dataset.step")
    return str(row), str(tab.run("location.hash"))


@cache
def of_unique() -> str:
    return pages.of_run(files.load(UNIQUE))


def test_keys_step_through_a_run_and_the_address_follows(tab: Browser, page: Path) -> None:
    page.write_text(of_unique())
    tab.open(page)
    assert selected(tab)[0] == "1"
    tab.press("j", "ArrowRight")
    assert selected(tab) == ("3", "#step3")
    tab.press("j")
    assert selected(tab) == ("5", "#step5"), "the save of steps 4 and 5 is one row"
    tab.press("o", "k")
    assert selected(tab) == ("4", "#step4"), "opened, it is two"
    tab.press("End")
    assert selected(tab) == ("20", "#step20")
    tab.press("p")
    assert selected(tab) == ("19", "#step19"), "along the cause, into a save that was folded"
    tab.press("Home", "ArrowLeft")
    assert selected(tab) == ("1", "#step1")
    tab.press("e")
    assert tab.run("document.querySelector('.more.now details').open")


def test_a_link_lands_below_the_bar_with_the_state_at_that_step(tab: Browser, page: Path) -> None:
    page.write_text(of_unique())
    for size in ((1280, 600), (700, 600), (390, 700)):
        tab.look(*size)
        tab.open(page, "#step9")
        assert selected(tab) == ("9", "#step9")
        bar, row = (
            tab.run(f"(() => {{ const b = {find}.getBoundingClientRect(); return [b.top, b.bottom] }})()")
            for find in ("document.getElementById('bar')", "document.getElementById('step9')")
        )
        if bar[0] <= 0:
            assert bar[1] <= row[0] < size[1]
        else:
            assert 0 <= row[0]
            assert row[1] <= bar[0]
        assert "own key" in tab.run("document.querySelector('#state mark').textContent")
        tab.run("document.querySelector('.conclusion a[href=\"#step11\"]').click()")
        tab.run("new Promise(done => requestAnimationFrame(done))")
        assert selected(tab) == ("11", "#step11")
        assert tab.run("document.documentElement.scrollWidth <= innerWidth"), "nothing to scroll sideways"
        assert tab.run("(s => s.scrollWidth <= s.clientWidth)(document.getElementById('state'))"), "nor there"
        if bar[0] > 0:
            tab.run("scrollTo(0, document.documentElement.scrollHeight)")
            last, top = (
                tab.run(f"document.querySelector('{each}').getBoundingClientRect().{side}")
                for each, side in (("#steps", "bottom"), ("#bar", "top"))
            )
            assert last <= top, "the last step is not hidden"


def test_hostile_names_stay_text(tab: Browser, page: Path) -> None:
    run = files.load(UNIQUE)
    page.write_text(pages.of_run(replace(run, title=HOSTILE, names=(HOSTILE, "constructor"))))
    tab.open(page)
    tab.press("j", "j", "End", "e")
    assert tab.run("document.querySelectorAll('img, script').length") == 2
    assert tab.run("document.title").startswith("<img src=x")
    assert tab.run("document.querySelector('#state h3').textContent").startswith("<img src=x")
    page.write_text(pages.of_run(replace(run, names=("x" * 500, "tso1"))))
    tab.open(page)
    assert tab.run("document.documentElement.scrollWidth <= innerWidth"), "a long name fits its column"


def test_a_page_is_readable_without_script_and_on_paper(tab: Browser, page: Path) -> None:
    page.write_text(of_unique())
    tab.call("Emulation.setScriptExecutionDisabled", value=True)
    try:
        tab.open(page, "#step9")
        document = tab.call("DOM.getDocument", depth=0)["root"]["nodeId"]
        for selector, least in (("tr.step", 20), ("tr.more details", 20), ("noscript dl", 60)):
            found = tab.call("DOM.querySelectorAll", nodeId=document, selector=selector)["nodeIds"]
            assert len(found) >= least, selector
        row, head = (_box(tab, document, selector) for selector in ("#step9 > th", "thead th"))
        assert row[1] >= head[5], "the step of the address is below the headings, which stay"
    finally:
        tab.call("Emulation.setScriptExecutionDisabled", value=False)
    tab.look(1280, 900, print_=True)
    tab.open(page)
    assert tab.run("getComputedStyle(document.getElementById('bar')).display") == "none"
    hidden = "[...document.querySelectorAll('tr.step')].filter(row => !row.getClientRects().length).length"
    assert tab.run(hidden) == 0, "no step is folded away on paper"


def _box(tab: Browser, document: int, selector: str) -> list[float]:
    """The corners of an element as it stands in the window, clockwise from the top left."""
    node = tab.call("DOM.querySelector", nodeId=document, selector=selector)["nodeId"]
    corners: list[float] = tab.call("DOM.getBoxModel", nodeId=node)["model"]["border"]
    return corners


@cache
def of_recording() -> str:
    trace = reading.read([RUNS.parent / "recordings" / "pr-slow-load-small"])
    return pages.of_recording(trace, replay(trace, ["off"]))


def test_keys_go_from_error_to_error_and_from_line_to_line(tab: Browser, page: Path) -> None:
    page.write_text(of_recording())
    tab.open(page)
    assert tab.run("document.getElementById('moment').hidden")
    tab.press("n")
    assert tab.run("location.hash") == "#error1"
    moment = tab.run("document.getElementById('moment').textContent")
    for part in (
        "At 20:36:46.023",
        "pd1 (since 20:36:45.623)",
        "primary",
        "nobody",
        "[client-pd1-a.jsonl.gz:1214]",
    ):
        assert part in moment
    tab.press("n", "n", "p")
    assert tab.run("location.hash") == "#error2"
    tab.press("Home", "j", "j", "k")
    assert tab.run("location.hash") == "#row0"
    wide = tab.run("document.getElementById('drawing').getBoundingClientRect().width")
    tab.press("+", "+")
    assert tab.run("document.getElementById('drawing').getBoundingClientRect().width") == pytest.approx(
        4 * wide
    )
    assert tab.run("document.documentElement.scrollWidth <= innerWidth"), "only the picture scrolls sideways"


def test_a_folded_place_opens_where_a_key_or_a_link_leads_into_it(tab: Browser, page: Path) -> None:
    page.write_text(of_recording())
    opened = "document.querySelector('.errors details').open"
    tab.open(page)
    assert not tab.run(opened)
    tab.press("n", "n", "n")
    assert tab.run(opened)
    tab.open(page, "#error9")
    assert tab.run(opened)
    assert tab.run("document.querySelector('.error.here').id") == "error9"


_CUT = """(() => {
  const edge = document.querySelector(".names").getBoundingClientRect().right;
  const texts = [...document.querySelectorAll(".names text")];
  return texts.filter((text) => text.getBoundingClientRect().right > edge).map((text) => text.textContent);
})()"""
_NARROW = """[...document.querySelectorAll("td")].filter(
  (cell) => cell.textContent.length > 20 && cell.clientWidth < 120).length"""


def test_an_incident_fits_a_narrow_screen(tab: Browser, page: Path) -> None:
    page.write_text(of_recording())
    for width in (390, 700):
        tab.look(width, 800)
        tab.open(page)
        assert tab.run("document.documentElement.scrollWidth <= innerWidth"), "nothing to scroll sideways"
        assert tab.run(_CUT) == [], "no label is cut"
        first, axis = (
            tab.run(f"document.querySelector('{each}').getBoundingClientRect().left")
            for each in ("#drawing .time", "#axis")
        )
        assert first >= axis, "nor is the first time"
        assert tab.run(_NARROW) == 0, "no column of single letters"


def test_the_parts_of_the_cause_lead_to_their_moments(tab: Browser, page: Path) -> None:
    page.write_text(of_recording())
    tab.open(page)
    tab.run("document.querySelector('.conclusion p:last-child a').click()")
    assert "At 20:36:46.00" in tab.run("document.querySelector('#moment h2').textContent")
    tab.open(page, "#error3")
    told = tab.run("document.querySelector('#error3 a').textContent")
    assert tab.run("document.querySelector('#moment h2').textContent") == f"At {told}"
    tab.run("document.querySelector('#drawing a').dispatchEvent(new MouseEvent('click', {bubbles: true}))")
    tab.run("scrollTo(0, 0)")
    left, top = (
        tab.run(f"document.getElementById('drawing').getBoundingClientRect().{each}")
        for each in ("left", "top")
    )
    for kind in ("mousePressed", "mouseReleased"):
        tab.call("Input.dispatchMouseEvent", type=kind, x=left + 2, y=top + 60, button="left", clickCount=1)
    assert "At 20:36:29." in tab.run("document.querySelector('#moment h2').textContent")


@pytest.mark.large
@pytest.mark.skipif(not AXE.is_file(), reason="no axe-core here: make axe")
@pytest.mark.parametrize(("width", "dark"), [(1280, True), (390, False)])
def test_everybody_can_read_what_happened(width: int, dark: bool, tab: Browser, page: Path) -> None:
    page.write_text(of_recording())
    assert_accessible(tab, page, width, dark=dark)


@pytest.mark.large
@pytest.mark.skipif(not AXE.is_file(), reason="no axe-core here: make axe")
@pytest.mark.parametrize(("run", "width", "dark"), [(UNIQUE, 1280, False), (LASSO, 390, True)])
def test_everybody_can_read_it(run: Path, width: int, dark: bool, tab: Browser, page: Path) -> None:
    page.write_text(pages.of_run(files.load(run)))
    assert_accessible(tab, page, width, dark=dark)


def assert_accessible(tab: Browser, page: Path, width: int, *, dark: bool) -> None:
    tab.look(width, 900, dark=dark)
    tab.open(page)
    tab.press("j", "o", "e")
    tab.run("document.querySelectorAll('details').forEach(each => each.open = true)")
    tab.run(AXE.read_text(encoding="utf-8") + ";0")
    found = tab.run("axe.run().then(result => JSON.stringify(result.violations))")
    told = [(each["id"], [node["html"][:200] for node in each["nodes"][:3]]) for each in json.loads(found)]
    assert told == []
