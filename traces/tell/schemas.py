"""The JSON Schema of every document, made from the types of which the documents are made."""

from __future__ import annotations

import inspect
from typing import Any

import msgspec

from ..output.document import Document
from ..runs.document import RunFile
from ..story.document import Shown
from . import documents

#: by name, what a document can be
_TYPES: dict[str, tuple[type[Document], ...]] = {
    "explore": (documents.Explored,),
    "prove": (documents.Proved,),
    "verify": (documents.Verified,),
    "replay": (documents.Replayed, documents.Rerun),
    "show": (Shown,),
    "run": (RunFile,),
}
#: which documents there are, and where they come from
MEANINGS = {
    "explore": "explore --json",
    "prove": "prove --json",
    "verify": "verify --json",
    "replay": "replay --json, of a recording or of run files",
    "show": "show --to json",
    "run": "a run file, as --runs writes it and show and replay read it",
}


def schema(name: str) -> dict[str, Any]:
    """The schema (draft 2020-12) of what goes by that name.

    Raises:
        ValueError: nothing does; the message lists what there is.
    """
    if name not in _TYPES:
        raise ValueError(f"unknown schema {name!r}; choose from {', '.join(_TYPES)}")
    kinds, parts = msgspec.json.schema_components(_TYPES[name], ref_template="#/$defs/{name}")
    for part in parts.values():
        # A docstring's indentation is in what Python 3.11 and 3.12 give, not in what 3.13 gives.
        part["description"] = inspect.cleandoc(part["description"])
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"tsofence {MEANINGS[name]}",
        **({"anyOf": list(kinds)} if len(kinds) > 1 else kinds[0]),
        "$defs": parts,
    }
