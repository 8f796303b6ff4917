"""A Parquet file of samples as a table in text: a process of its own, which reads stdin and writes stdout.

pyarrow reads it, a batch of rows at a time.  It is native code that is handed a file which nobody vouches
for, so it is kept apart (`packing.py`): it may have `_MAX_MEMORY`, and if it crashes, the file is damaged.
Columns are called what `samples.py` calls them; where none is a timestamp, all are told, of the first rows.
"""

from __future__ import annotations

import math
import os
import resource
import sys
from collections.abc import Iterator
from typing import IO, Any

import pyarrow as arrow
from pyarrow import compute, parquet
from pyarrow import csv as text

from . import samples
from .packing import CANNOT_BE_READ

_MAX_MEMORY = 2 << 30
_ROWS = 4096
#: of a table that is none of samples
_FIRST = 100
#: of the description of a file, bytes and entries: those of columns and row groups
_MAX_TEXT, _MAX_MANY = 16 << 20, 1 << 20
#: whole numbers up to there are exact in floating point
_EXACT = 1 << 53
_MAX_WHY = 300


class Unreadable(Exception):
    """Why the file goes no further."""


def main(file: IO[bytes], out: IO[bytes]) -> None:
    """Write the table.

    Raises:
        Unreadable, pyarrow.ArrowException, OSError, MemoryError: the file is damaged, or in no such form.
    """
    opened = parquet.ParquetFile(
        arrow.PythonFile(file, mode="r"),
        pre_buffer=False,
        buffer_size=1 << 16,  # a piece of a column at a time
        thrift_string_size_limit=_MAX_TEXT,
        thrift_container_size_limit=_MAX_MANY,
    )
    names = opened.schema_arrow.names
    means = samples.meanings(names)
    ours = samples.tells_a_timestamp(means)
    told = dict(zip(names, names, strict=True))
    if ours:
        told = {name: mean for name, mean in zip(names, means, strict=True) if mean}
    left = opened.metadata.num_rows if ours else _FIRST
    # a number first: a line that begins with text might be taken for something else
    columns = sorted(told, key=lambda name: told[name] not in ("tso", "physical", "logical"))
    out.write(
        ",".join('"' + told[name].replace('"', "").replace("\n", " ") + '"' for name in columns).encode()
        + b"\n"
    )
    # group by group: a batch across two would be lost with the second
    for group in range(opened.num_row_groups):
        how: dict[str, Any] = {"batch_size": _ROWS, "columns": columns, "use_threads": False}
        for batch in opened.iter_batches(row_groups=[group], **how):
            if left <= 0:
                return
            arrays = [_told(told[name], batch.column(name)) for name in columns]
            made = arrow.RecordBatch.from_arrays(arrays, names=columns)
            text.write_csv(made, out, text.WriteOptions(include_header=False))
            out.flush()
            left -= len(batch)


def _told(name: str, column: Any) -> Any:
    """A column as numbers or text.

    Raises:
        Unreadable: it is of another type.
    """
    kind = arrow.types
    if kind.is_dictionary(column.type):
        column = column.dictionary_decode()
    of = column.type
    if kind.is_integer(of):
        return column
    if kind.is_timestamp(of):
        return column.cast(arrow.int64())  # of which unit, its size tells
    if kind.is_floating(of):
        return arrow.array([*_numbers(name, column.to_pylist())])
    plain = (kind.is_string, kind.is_large_string, kind.is_binary, kind.is_large_binary, kind.is_decimal)
    if any(each(of) for each in (*plain, kind.is_boolean, kind.is_null)):
        return compute.replace_substring_regex(column.cast(arrow.string()), "[\r\n]+", " ")
    raise Unreadable(f"its column {name} is of type {of}: expected numbers, text or times")


def _numbers(name: str, column: list[float | None]) -> Iterator[str]:
    """Numbers in floating point, as what has room for what is missing makes of integers."""
    for number in column:
        if number is None or math.isnan(number):
            yield ""
        elif name in ("start", "end"):
            yield _time(number)
        else:
            yield str(int(number)) if number.is_integer() and abs(number) <= _EXACT else str(number)


def _time(number: float) -> str:
    try:
        return str(samples.time_ns(number))
    except ValueError:
        return str(number)


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_AS, (_MAX_MEMORY, _MAX_MEMORY))
    arrow.set_memory_pool(arrow.system_memory_pool())
    arrow.set_cpu_count(1)
    try:
        with os.fdopen(0, "rb") as stdin, os.fdopen(1, "wb") as stdout:
            main(stdin, stdout)
    except (Unreadable, arrow.ArrowException, OSError, MemoryError) as why:
        if isinstance(why, BrokenPipeError):  # nobody wants the rest
            raise
        said = " ".join(str(why).split())[:_MAX_WHY] or "it takes too much memory"
        sys.stderr.write(f"the Parquet file is damaged, or in no form that is read ({said})")
        sys.exit(CANNOT_BE_READ)
