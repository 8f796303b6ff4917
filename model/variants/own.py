"""Fences and builds of somebody's own: a Python file, named on the command line or by a scenario beside it.

Such a file is code, and it is run.  So nothing else names one: a run file only has the names of its fence and
build, and whoever reads it says from which file these come.
"""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import ModuleType

from ..language.variant import Variant, VariantError

#: how the name of such a file ends
SUFFIX = ".py"


class OwnError(ValueError):
    """A file that cannot be used; the message is one line: file, line, what was expected, what to do."""


def module(path: str) -> ModuleType:
    """Run the file.

    Raises:
        OwnError: there is none, or it fails.
    """
    made = ModuleType(f"tsofence_own_{Path(path).stem}")
    made.__file__ = str(Path(path).absolute())
    with blaming(path):
        text = SourceFileLoader(made.__name__, made.__file__).get_data(made.__file__)
        exec(compile(text, made.__file__, "exec"), made.__dict__)  # noqa: S102  # what the user asked for
    return made


@contextmanager
def blaming(path: str) -> Iterator[None]:
    """Whatever fails within is a mistake in that file.

    Raises:
        OwnError: something did.
    """
    try:
        yield
    except OSError as error:
        raise OwnError(f"{path}: cannot be read ({error.strerror}); give a Python file") from None
    except SyntaxError as error:
        raise OwnError(f"{path}:{error.lineno or 1}: not Python: {error.msg}; mend that line") from None
    except VariantError as error:
        raise OwnError(str(error)) from None
    except (Exception, SystemExit) as error:  # noqa: BLE001  # whatever a user's own code may raise
        frames, name = traceback.extract_tb(error.__traceback__), str(Path(path).absolute())
        lines = [frame.lineno for frame in frames if frame.filename == name]
        said = " ".join(str(error).split()) or "no message"
        raise OwnError(f"{path}:{lines[-1] if lines else 1}: {type(error).__name__}: {said}") from None


def variant(path: str, called: str) -> Variant:
    """The variant that a file makes.

    Raises:
        OwnError: it cannot be run, or makes none, or several of which none is ``called`` so.
    """
    made = module(path)
    found = [value for value in vars(made).values() if isinstance(value, Variant)]
    if isinstance(vars(made).get(called), Variant):
        found = [vars(made)[called]]
    if len(found) != 1:
        raise OwnError(
            f"{path}: expected one Variant, called {called}, but found {len(found)}; see docs/own-fence.md"
        )
    return found[0]
