"""What is on the screen while a cluster is watched, and how that ends."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Group, RenderableType
from rich.live import Live
from rich.text import Text

from ..output.endings import VIOLATED, status
from ..output.terminal import Terminal, clean
from .recorded import recorded
from .tables import columns, verdict_text

if TYPE_CHECKING:
    from ..live.collect import Order
    from ..live.watch import Watched

#: what etcd's events and logs can decide
PROPERTIES = ("key-monotone", "single-writer")
#: what own samples can decide as well
OF_SAMPLES = ("unique", "real-time")


def watch(
    order: Order,
    folder: Path | None,
    *,
    asked: Sequence[str],
    fences: Sequence[str],
    builds: Sequence[str],
    must_conform: bool,
    metrics_at: tuple[str, int] | None,
    console: Terminal,
    progress: Terminal,
    live: bool,
) -> int:
    """Watch a cluster until Ctrl-C; the exit status.  ``must_conform``: to the one build and fence named;
    ``asked``: what to judge, all that can be if nothing.  Violations, and how it ends, go to ``console``, how
    things stand until then to ``progress``, unless both are one terminal.

    Raises:
        BadInput, KeyboardInterrupt: as for a recording.
    """
    from ..live.judge import Violation
    from ..live.metrics import Metrics
    from ..live.scratch import scratch
    from ..live.watch import Asked
    from ..live.watch import watch as watching

    progress = console if console.is_terminal else progress
    with ExitStack() as open_:
        metrics = None
        if metrics_at is not None:
            metrics = Metrics(*metrics_at)
            open_.callback(metrics.close)
        kept = folder or open_.enter_context(scratch())
        screen = Live(console=progress, transient=True, auto_refresh=False)
        if live and progress.is_terminal:
            open_.enter_context(screen)

        seen: list[Violation] = []

        def found(violation: Violation) -> None:
            seen.append(violation)
            shown = "; ".join(map(clean, violation.shown))
            line = Text(f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ} ")
            console.print(line.append(violation.property, style="bold red").append(f" violated: {shown}"))

        try:
            recording, watched = watching(
                order,
                kept,
                Asked(asked or (*PROPERTIES, *(OF_SAMPLES if order.sample_s else ())), fences, builds),
                lambda line: progress.print(clean(line)),
                found,
                lambda found: screen.update(standing(found), refresh=screen.is_started),
                keep=folder is not None,
                metrics=metrics,
            )
        except KeyboardInterrupt:
            if seen:
                return VIOLATED
            raise
    console.print(standing(watched))
    if folder is not None or not recording.whole:
        console.print(recorded(recording, kept=folder is not None))
    verdicts = [*watched.verdicts, *([] if recording.whole else ["unknown"])]
    if must_conform and watched.refuted:
        verdicts.append("violated")
    return status(verdicts)


def standing(found: Watched) -> RenderableType:
    """How things stand."""
    table = columns("property", "verdict", "violations")
    last = found.last
    for name, verdict in last.verdicts.items() if last else ():
        count = sum(each.property == name for each in found.violations)
        table.add_row(name, verdict_text(verdict), str(count or ""))
    at = f"{datetime.fromtimestamp(found.at, UTC):%H:%M:%S}" if found.at else "not yet"
    gaps = f", {found.gaps} gaps" if found.gaps else ""
    parts: list[RenderableType] = [
        table,
        Text(f"{found.events} events, revision {found.revision}{gaps}; judged at {at} (UTC)", style="dim"),
    ]
    if last and last.why:
        parts.append(Text(f"not judged: {clean(last.why)}", style="yellow"))
    if last and last.refuted:
        fits = f", it fits {', '.join(last.fits)}" if last.fits else ""
        style = "dim" if last.fits else "yellow"
        parts.append(Text(f"it does not conform to {', '.join(last.refuted)}{fits}", style=style))
    return Group(*parts)
