"""The type of a run file; what its fields mean is in `files`."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, UnsetType

from ..output.document import Document, one_of, said

FORMAT: Literal["tsofence run"] = "tsofence run"
VERSION = 1

_TWO = msgspec.Meta(min_length=2, max_length=2)


class Taken(Document, kw_only=True):
    """A step that a run takes."""

    transition: Annotated[str, said("its name: `tsofence list transitions`")]
    server: Annotated[str | UnsetType, said("who takes it; missing: nobody in particular")] = UNSET
    inputs: Annotated[dict[str, int] | UnsetType, said("what it chooses; missing: nothing")] = UNSET


class RunFile(Document, kw_only=True):
    """A run that --runs writes, and show and replay read.

    Values are whole numbers as in a state: a server is its number, none is 0, an enumeration counts from 0.
    """

    format: Literal["tsofence run"]
    version: Annotated[int, said("of this format")]
    title: Annotated[str, said("in a few words, where the run comes from")]
    build: Annotated[str | UnsetType, said("the build of PD; missing: the default one")] = UNSET
    fence: Annotated[str, said("the fence, or several joined with +")]
    dropped: Annotated[list[Annotated[list[str], _TWO]], said("guards that were left out: transition, label")]
    servers: Annotated[
        dict[str, Annotated[str, one_of("pd", "tso")]], said("by name, in order: server 1, 2, …")
    ]
    constants: Annotated[dict[str, int], said("the parameters of the system, in the unit of the run's times")]
    first: Annotated[
        dict[str, int | dict[str, int]],
        said("what differs from a cluster that was never used: a value, or one by server; now: a time"),
    ]
    reachable: Annotated[bool, said("false: no cluster starts in the first state; some lemmas allow it")]
    breaks: Annotated[str | None, said("the property that it breaks")]
    cycle_from: Annotated[
        int | UnsetType, said("where the moves that repeat forever begin, from 0; missing: nothing repeats")
    ] = UNSET
    moves: Annotated[list[Taken], said("the steps")]
