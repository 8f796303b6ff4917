"""The command line: which commands there are.  Each is a module of `commands/`, imported when asked for."""

from __future__ import annotations

from importlib import import_module

import click

from . import __version__
from .traces.output.endings import OneLine
from .traces.tell.examples import examples

#: what each does, as its own help begins: to list them takes no import of any
COMMANDS = {
    "explore": "Go through every interleaving; show what breaks each property.",
    "export": "Write a scenario as a TLA+ module.",
    "list": "Say which names there are, and what they mean; or print one.",
    "prove": "Prove properties for any number of servers.",
    "record": "Record what a cluster does, for replay.",
    "replay": "Judge what a cluster did, from watch streams, logs and samples.",
    "show": "Tell a run step by step, and where its end comes from.",
    "step": "Step through a scenario, or a run, by hand.",
    "verify": "Check a certificate with another solver.",
    "watch": "Judge what a cluster does as it goes on.",
}


def load(name: str) -> click.Command | None:
    """A command with all that it needs, which takes a second to import; None: there is none of that name."""
    if name not in COMMANDS:
        return None
    found: click.Command = import_module(f".commands.{name}", __package__).command
    return found


class _WhenAskedFor(OneLine):
    """What one command needs, the others are not made to wait for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        return load(cmd_name)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(
    cls=_WhenAskedFor, context_settings={"help_option_names": ["-h", "--help"]}, epilog=examples("tsofence")
)
@click.version_option(__version__, prog_name="tsofence")
def main() -> None:
    """Explore, prove and replay the fencing of PD's timestamp oracle.

    Exit status: 0 nothing violated, 1 violated, 2 bad usage or input, or a result that cannot be written,
    3 unknown, 70 a fault of tsofence, 130 interrupted before anything was found.
    """
