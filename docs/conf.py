"""The site made of these pages: `make site`. What a link or a name leads to has to be there."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sphinx.addnodes import pending_xref

from tsofence import __version__

if TYPE_CHECKING:
    from docutils.nodes import document
    from sphinx.application import Sphinx

DOCS = Path(__file__).parent

project, author, release = "tsofence", "The tsofence authors", __version__
copyright = author  # noqa: A001  # Sphinx's name for it
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx_click"]
html_theme = "furo"
html_title = f"tsofence {release}"
html_copy_source = False
#: beside the pages stand files that they speak of, and this one
exclude_patterns = ["schema", "bounds", "matrix", "own-fence"]
#: headings are linked to as a forge does
myst_heading_anchors = 4
#: most blocks of code are commands and what they print
highlight_language = "text"
#: docstrings write `name`
default_role = "code"
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
nitpicky = False


def _list_all(_: Sphinx, docname: str, source: list[str]) -> None:
    """A page that nobody has put into an order is listed all the same."""
    if docname == "index":
        words = source[0].split()
        others = sorted(page.stem for page in DOCS.glob("*.md") if page.stem not in words)
        source[0] = source[0].replace("   ALL_OTHERS", "\n".join(f"   {name}" for name in others))


def _name_others(_: Sphinx, page: document) -> None:
    """A link to a folder, or to a page beside the folder of these, is here only its name, if there is such.

    A forge follows them.
    """
    for link in list(page.findall(pending_xref)):
        there = (Path(page["source"]).parent / link["reftarget"]).resolve()
        page_there = there if there.suffix == ".md" else there.with_name(f"{there.name}.md")
        if there.is_dir() or (page_there.is_file() and DOCS not in page_there.parents):
            link.replace_self(link.children)


def setup(app: Sphinx) -> None:
    """Called by Sphinx."""
    app.connect("source-read", _list_all)
    app.connect("doctree-read", _name_others)
