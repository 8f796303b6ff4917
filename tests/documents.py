"""JSON as scripts read it: whatever comes out keeps to the schema that is published of it."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

from jsonschema import Draft202012Validator

from tsofence.traces.tell import schemas


@cache
def _validator(name: str) -> Draft202012Validator:
    found = schemas.schema(name)
    Draft202012Validator.check_schema(found)
    return Draft202012Validator(found)


def checked(document: dict[str, Any]) -> dict[str, Any]:
    """The document, if it keeps to its schema."""
    name = document.get("command", "run")
    wrong = [f"{error.json_path}: {error.message[:300]}" for error in _validator(name).iter_errors(document)]
    assert not wrong, wrong[:5]
    return document


def read_document(text: str | bytes) -> dict[str, Any]:
    """What a command wrote, read as a script would."""
    return checked(json.loads(text))
