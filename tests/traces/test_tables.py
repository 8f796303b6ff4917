"""Tables in columns: as one line after another says them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tsofence.traces.sources import calls as in_columns
from tsofence.traces.sources import samples, spilling, tables
from tsofence.traces.sources.calls import Calls, Texts
from tsofence.traces.sources.lines import Tally
from tsofence.traces.sources.observation import Call

TSO = 464828729728747524
HEADINGS = (
    "client,kind,endpoint,worker,start,end,physical,logical,count,error,group",
    "instance;sent;received;tso;n",
    "tso\tat",
    "tso",
    "ts,tso_value,at",
    "tso,physical,logical,end",
    "physical,logical,else,Start-Time",
    "nothing,at,all",
)
GOOD = {
    "client": ("c", "d"),
    "kind": ("tso", "pd", ""),
    "endpoint": ("http://pd-0:2379",),
    "worker": ("", "7"),
    "start": ("1773184695177000000", "1773184695177"),
    "end": ("1773184695178000000", "1773184695178", "2026-03-10T23:18:15.178Z"),
    "physical": ("1773184695175",),
    "logical": ("4",),
    "count": ("1", "", "5"),
    "error": ("", "timeout"),
    "group": ("", "0"),
    "tso": (str(TSO),),
}
ODD = (
    "",
    " ",
    "0",
    "6",
    "-1",
    "1.5",
    "007",
    "1_0",
    "x",
    "tso",
    "é",
    "٣",
    '"a,b"',
    '"',
    'a"b',
    '"12"',
    " 12 ",
    "{",
    "n" * 600,
    "9" * 18,
    "9" * 19,
    "9" * 40,
    "20260310",
    "1773184695",
    "1773184695.5",
    "99999999999999999",
    str(TSO),
    "262143",
    "262144",
    "2026-03-10 23:18:15",
    "\r",
    "\0",
    "\u3000",
)
ALONE = (
    b"",
    b" ",
    b"\r",
    str(TSO).encode(),
    b'{"tso": 464828729728747524, "end": 1773184695178}',
    b"{",
    b"alice,tso,http://pd-0:2379",
    b"tso;x,1,2",
    b"\xff\xfe",
    b"\xef\xbb\xbftso,at",
    None,
    *(line.encode() for line in HEADINGS),
)


@st.composite
def written(draw: st.DrawFn) -> list[bytes | None]:
    """Tables one after the other; most of their rows are good."""
    lines: list[bytes | None] = []
    for headings in draw(st.lists(st.sampled_from(HEADINGS), max_size=3)):
        lines.append(headings.encode() + draw(st.sampled_from([b"", b"\r"])))
        delimiter = next((each for each in ",;\t" if each in headings), ",")
        means = samples.headings(headings.encode())
        columns = means.columns if means else (None,)
        for _ in range(draw(st.integers(0, 5))):
            cells = [draw(st.sampled_from(GOOD.get(name or "", ("1", "y")))) for name in columns]
            match draw(st.integers(0, 9)):
                case 0 | 1:
                    cells[draw(st.integers(0, len(cells) - 1))] = draw(st.sampled_from(ODD))
                case 2:
                    cells.append("more")
                case 3:
                    cells.pop()
                case _:
                    pass
            lines.append(delimiter.join(cells).encode())
        lines += draw(st.lists(st.sampled_from(ALONE), max_size=1))
    return lines


def in_blocks(lines: list[bytes | None], tally: Tally, many: int, group: int = 0) -> list[Call]:
    texts = Texts()
    blocks = [(begin + 1, lines[begin : begin + many]) for begin in range(0, len(lines), many)]
    stored = spilling.Stored(in_columns.ROW)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(in_columns, "MANY", many)
        for rows in tables.decode("f.csv", blocks, tally, texts, group):
            stored.add(rows)
    return [*Calls(stored, texts)]


@given(written(), st.integers(1, 8), st.integers(0, 1))
def test_many_rows_at_once_say_what_each_of_them_says(
    lines: list[bytes | None], many: int, group: int
) -> None:
    fast, slow = Tally(), Tally()
    expected = [*samples.Reader("f.csv", slow, group).calls(enumerate(lines, 1))]
    assert in_blocks(lines, fast, many, group) == expected
    assert (fast.reasons, fast.skipped, fast.other) == (slow.reasons, slow.skipped, slow.other)


GOOD_TABLES = {
    "whole": [HEADINGS[0], f"c,tso,u,7,1773184695177,1773184695178,{TSO >> 18},4,1,,0"],
    "failures": [
        HEADINGS[0],
        "c,tso,u,,1773184695177,1773184695178,,,,timeout,",
        ",,,,1773184695177,1773184695177,,,,no,",
    ],
    "no times": ["tso", str(TSO), str(TSO + 1)],
    "texts": ["tso;at", f'"{TSO}" ; 2026-03-10T23:18:15Z', f"{TSO};2026-03-10 23:18:15.5"],
    "more cells than headings": ["tso,n", f"{TSO},1,x", f"{TSO},2,y,z"],
}


@pytest.mark.parametrize("lines", GOOD_TABLES.values(), ids=GOOD_TABLES)
def test_good_tables_are_read_at_once(lines: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    encoded: list[bytes | None] = [line.encode() for line in lines]
    expected = [*samples.Reader("f.csv", Tally()).calls(enumerate(encoded, 1))]
    monkeypatch.delattr(samples.Reader, "calls")
    assert len(expected) == len(lines) - 1
    assert in_blocks(encoded, Tally(), len(lines)) == expected
    assert in_blocks(encoded, Tally(), 1) == expected


def test_a_row_of_names_is_no_heading() -> None:
    """A client without a digit in its name that asked a TSO server."""
    made = f"client,kind,tso\nalice,tso,{TSO}\nbob,pd,{TSO + 1}"
    tally = Tally()
    found = samples.Reader("f", tally).calls(enumerate((line.encode() for line in made.split("\n")), 1))
    assert [(call.client, call.kind) for call in found] == [("alice", "tso"), ("bob", "pd")]
    assert not tally.reasons
