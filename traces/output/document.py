"""What scripts read: each document is a type, from which both its JSON and its schema are made."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec


class Document(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """A JSON object: its fields in the order of the keys, no other keys."""

    def plain(self) -> dict[str, Any]:
        """The object that a JSON parser makes of it."""
        found: dict[str, Any] = msgspec.to_builtins(self)
        return found


def one_of(*words: str) -> msgspec.Meta:
    """One of these words; types know only that it is a text."""
    return msgspec.Meta(extra_json_schema={"enum": list(words)})


def said(description: str) -> msgspec.Meta:
    """What a key says."""
    return msgspec.Meta(description=description)


_PAIR = msgspec.Meta(min_length=2, max_length=2)

#: a variable's or a transition's name, or any other text
Names = list[str]
#: the lowest and the highest of something
Bounds = Annotated[list[int], _PAIR]
#: the same, where null is no bound
OpenBounds = Annotated[list[float | None], _PAIR]
