"""Client samples: what a client asked for and got, one JSON object a line.

| field in the file | observation | source |
|---|---|---|
| `client`, `worker` (absent: none) | `client`, `worker` | who asked |
| `kind`, `endpoint` | `kind`, `endpoint` | pd, tso: raw `Tso` stream there; lib: PD's client library |
| `start_unix_ns`, `end_unix_ns` | `start_ns`, `end_ns` | the client's clock around the request |
| `physical` | `physical` | `pdpb.Timestamp.physical`, milliseconds |
| `logical`, `count` | `logical`, `count` | `logical`, of 18 bits, is the LAST of the `count` granted |
| `error` | `error` | text of the failure; then `physical` is 0 |
| `keyspace_group_id` (absent: 0) | | the keyspace group asked |
Other fields are not read.
"""

from collections.abc import Iterable
from typing import Any

from . import groups
from .lines import Tally, json_object
from .observation import LOGICAL_BITS, MAX_NAME, MAX_NS, MAX_TEXT, NS_PER_MS, Call
from .samples import SINCE_MS

_FIELDS = ("client", "kind", "endpoint", "start_unix_ns", "end_unix_ns", "physical", "logical", "count")
#: a call that got a timestamp of PD's was made later; a time in another unit is before that
LEAST_NS = SINCE_MS * NS_PER_MS >> 1
_MAX_PHYSICAL = MAX_NS // NS_PER_MS
_MAX_LOGICAL = 1 << LOGICAL_BITS


def recognise(document: Any) -> bool:
    """Whether a parsed line is a client sample."""
    return isinstance(document, dict) and all(name in document for name in _FIELDS)


def decode(
    file: str, lines: Iterable[tuple[int, bytes | None]], tally: Tally, group: int = groups.DEFAULT
) -> list[Call]:
    """Read client samples in the order of the file; lines that cannot be read are counted in `tally`.

    Samples of other keyspace groups than ``group`` are counted as lines that say nothing.
    """
    calls: list[Call] = []
    texts: dict[str, str] = {}  # one object for each of the few names and errors that all the calls repeat
    for number, line in lines:
        sample = json_object(number, line, tally)
        if sample is None:
            continue
        try:
            client, kind, endpoint, start, end, physical, logical, count = [sample[name] for name in _FIELDS]
        except KeyError:
            tally.skip(number, "not a client sample")
            continue
        if sample.get("keyspace_group_id", groups.DEFAULT) != group:
            tally.other += 1
            continue
        error = sample.get("error")
        if error == "":
            error = None
        if isinstance(error, str):
            error = error[:MAX_TEXT]
        worker = sample.get("worker")
        if not (
            type(start) is type(end) is type(physical) is type(logical) is type(count) is int
            and type(client) is type(kind) is type(endpoint) is str
            and (error is None or type(error) is str)
            and (worker is None or type(worker) is int)
        ):
            tally.skip(number, "field of the wrong type")
        elif max(map(len, (client, kind, endpoint))) > MAX_NAME:
            tally.skip(number, f"name of more than {MAX_NAME} characters")
        elif not 0 <= start <= end < MAX_NS:
            tally.skip(number, "call that ends before it starts")
        elif error is None and not (0 < physical < _MAX_PHYSICAL and 0 < count <= logical + 1):
            tally.skip(number, "impossible range of timestamps")
        elif error is None and physical >= SINCE_MS and start < LEAST_NS:
            tally.skip(number, "times that are no ns since 1970: long before the timestamp")
        elif error is None and logical >= _MAX_LOGICAL:
            tally.skip(number, f"a logical part that does not fit {LOGICAL_BITS} bits")
        else:
            for text in (client, kind, endpoint, error):
                if text is not None and text not in texts:
                    texts[text] = text.encode(errors="replace").decode()  # JSON can write half a character
            calls.append(
                Call(
                    file,
                    number,
                    texts[client],
                    texts[kind],
                    texts[endpoint],
                    worker,
                    start,
                    end,
                    physical if error is None else 0,
                    logical if error is None else 0,
                    count,
                    error if error is None else texts[error],
                )
            )
    return calls
