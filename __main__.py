"""Where the command begins: before anything is imported that takes long, and after everything is said."""

from __future__ import annotations

import os
import signal
import sys
from types import FrameType


def _interrupted(_signal: int, _frame: FrameType | None) -> None:
    os._exit(130)  # nothing has begun, and an exception might get lost in a half-imported library


def main() -> None:
    """The command line, with the streams and the signals that it relies on; never returns.

    Exit status: that of the command; 2 if something was to go to stdout and could not be written.
    """
    # who asked for Ctrl-C to be ignored (nohup, a shell's background job) keeps that
    own = {signal.SIGINT: signal.default_int_handler, signal.SIGTERM: signal.SIG_DFL}
    stoppable = {each: handler for each, handler in own.items() if signal.getsignal(each) is handler}
    for each in stoppable:
        signal.signal(each, _interrupted)
    from .traces.output import terminal

    terminal.guard()
    from .cli import load
    from .cli import main as command

    for word in sys.argv[1:2]:
        load(word)  # while Ctrl-C has nothing to keep
    for each, handler in stoppable.items():
        signal.signal(each, handler)
    try:
        command()
    except SystemExit as ended:
        status = terminal.finish(ended.code if isinstance(ended.code, int) else int(ended.code is not None))
        for each in stoppable:
            signal.signal(each, signal.SIG_IGN)  # everything is said: this status stands
        sys.exit(status)


if __name__ == "__main__":
    main()
