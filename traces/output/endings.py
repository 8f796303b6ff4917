"""How a command ends: exit statuses, and one line for every mistake and every fault."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterable
from typing import Any, NoReturn

import click

from ...checker.certificates.manifest import CertificateError
from ...checker.search.errors import CheckpointError
from ...specs.scenario import ScenarioError
from ..sources.observation import BadInput
from . import faults
from .terminal import clean_lines, one_line

VIOLATED, BAD_INPUT, UNKNOWN, FAULT, INTERRUPTED = 1, 2, 3, 70, 130


def status(verdicts: Iterable[str]) -> int:
    """The exit status that verdicts amount to."""
    seen = set(verdicts)
    return VIOLATED if "violated" in seen else UNKNOWN if "unknown" in seen else 0


class OneLine(click.Group):
    """Every mistake of a user's and every fault of tsofence's ends in one line, never in a traceback.

    Exit status: 2 for a mistake, 70 for a fault, 130 for Ctrl-C before anything was found.
    """

    def main(self, *args: Any, **extra: Any) -> NoReturn:
        extra["standalone_mode"] = False
        if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
            signal.signal(signal.SIGTERM, signal.default_int_handler)  # what was found is told then, too
        try:
            sys.exit(super().main(*args, **extra))
        except click.exceptions.Abort as error:  # click has turned KeyboardInterrupt into it
            how_far = str(error.__cause__ or "") or "nothing decided"
            _ends(f"interrupted: {how_far}", INTERRUPTED)
        except click.exceptions.NoArgsIsHelpError as error:
            error.show()
            sys.exit(BAD_INPUT)
        except click.ClickException as error:
            _ends(f"{error.format_message()} (tsofence --help says more)", BAD_INPUT)
        except (BadInput, CertificateError, CheckpointError, ScenarioError, OSError) as error:
            _ends(error, BAD_INPUT)
        except Exception as error:  # noqa: BLE001  # whatever it is, it must not look like a verdict
            click.echo(clean_lines(faults.trace(error)), nl=False, err=True)
            _ends(faults.told(error), FAULT)


def _ends(message: object, status: int) -> NoReturn:
    click.echo(one_line(f"tsofence: {message}"), err=True)
    sys.exit(status)
