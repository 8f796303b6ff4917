"""Templates filled in. Whatever comes out of a file is escaped; nothing runs or loads but what is here."""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from ..output.terminal import clean_lines

if TYPE_CHECKING:
    from jinja2 import Environment


@cache
def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    made = Environment(
        loader=PackageLoader(__package__, "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.policies["json.dumps_kwargs"] = {"separators": (",", ":")}  # names stay in their order
    return made


def _asset(name: str) -> Markup:
    """A style sheet or script of our own, as it stands."""
    environment = _environment()
    assert environment.loader is not None
    source, _, _ = environment.loader.get_source(environment, name)
    return Markup(source)  # a file of this package


def _digest(text: str) -> str:
    """By which a browser knows it again: only what has such a digest in the policy is used."""
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def render(name: str, *, styles: tuple[str, ...], script: str, **content: Any) -> str:
    """A page: its template, with these style sheets and this script in it."""
    style = Markup("").join(map(_asset, styles))
    code = _asset(script)
    page = _environment().get_template(name)
    return clean_lines(
        page.render(
            style=style,
            script=code,
            policy=f"default-src 'none'; style-src '{_digest(style)}'; script-src '{_digest(code)}'; "
            "base-uri 'none'; form-action 'none'",
            **content,
        )
    )


def alone(name: str, *styles: str, **content: Any) -> str:
    """A document without script, with these style sheets in it."""
    style = Markup("").join(map(_asset, styles))
    return clean_lines(_environment().get_template(name).render(style=style, **content))
