"""The root command: knows every command's name and first line, loads its module when it is called."""

from __future__ import annotations

import difflib
import importlib
import os
import sys
import traceback
from collections.abc import Callable, Sequence
from typing import Any

import click

from gateway import __version__
from gateway.allocator import keep_flat, loading, share_evenly
from gateway.cli.session import Exit, Session, config_option, json_option, tell
from gateway.errors import GatewayError, Unreachable, no_room

COMMANDS: dict[str, tuple[str, str]] = {
    "run": ("run", "Take files and send their rows on until stopped."),
    "check": ("check", "Judge a file and send nothing."),
    "plan": ("plan", "Write what would be sent of a file and send nothing."),
    "status": ("status", "Show lanes, troubles, waiting files, webhook events, held runs and the last runs."),
    "show": ("status", "Show everything about one run."),
    "retry": ("act", "Send refused and uncertain rows of a run again."),
    "release": ("act", "Send the rows of a held run after all."),
    "cancel": ("act", "End the rows of a run that were not sent yet."),
    "pause": ("act", "Stop a source, a destination or a lane until it is resumed."),
    "resume": ("act", "Go on with what was paused."),
    "pull": ("pull", "Write a list of a destination to a file."),
    "push": ("pull", "Send a table written by hand: shipments, returns, categories..."),
    "reconcile": ("reconcile", "Compare what a destination has with what it confirmed last."),
    "doctor": ("doctor", "Probe settings, folders, sources and destinations."),
    "schema": ("schema", "Print the JSON Schema of settings, mappings or a contract."),
    "twin": ("twin", "Run a local stand-in of a system at the other end."),
    "demo": ("demo", "Drop the sample files and show what became of every row."),
    "init": ("init", "Write a working starter into a folder."),
}
"""Name of each command: its module in this package, and the first line of its help."""


class Commands(click.Group):
    """Lazy group; `main` turns every error into a message and an exit code."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names in the order of a working day."""
        del ctx
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Load a command's module."""
        del ctx
        if cmd_name not in COMMANDS:
            return None
        with loading():
            module = importlib.import_module(f"gateway.cli.{COMMANDS[cmd_name][0]}")
        command: click.Command = getattr(module, cmd_name)
        return command

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Look at all arguments, those of the command too. Raises UsageError for one that can't be a path or a name."""
        for number, arg in enumerate(args, start=1):
            if "\0" in arg:
                place = arg.index("\0") + 1
                ctx.fail(f"Argument {number}, {arg!r}, has a NUL character at place {place}; write it without.")
        return super().parse_args(ctx, args)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command. Raises UsageError with the nearest right word."""
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            near = difflib.get_close_matches(args[0], COMMANDS, 1)
            hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(COMMANDS)}"
            ctx.fail(f"There is no command {args[0]!r}; {hint}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without loading them."""
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,  # noqa: FBT001, FBT002  click's signature
        windows_expand_args: bool = True,  # noqa: FBT001, FBT002  click's signature
        **extra: Any,
    ) -> Any:
        """Run a command; standalone: end the process with its exit code, never with a traceback."""
        keep_flat()
        share_evenly()
        session = Session()

        def call() -> Any:
            return super(Commands, self).main(
                args, prog_name, complete_var, standalone_mode=False, windows_expand_args=windows_expand_args,
                obj=session, **extra,
            )  # fmt: skip

        if not standalone_mode:
            return call()
        sys.exit(_guarded(session, call))


def _guarded(session: Session, call: Callable[[], Any]) -> int:
    try:
        return int(call() or 0)
    except click.ClickException as error:
        error.show()
        return Exit.SETTINGS
    except click.Abort:
        click.echo("Stopped.", err=True)
        return Exit.STOPPED
    except GatewayError as error:
        return tell(session, error)
    except Exception as error:  # noqa: BLE001  the last line of defence: a person gets one line, not a trace
        if no_room(error):
            said = f"The disk is full: {' '.join(str(error).split())[:300]}."
            return tell(session, Unreachable(said, fix="Make room and run the command again; nothing is lost."))
        if os.environ.get("GATEWAY_DEBUG"):
            traceback.print_exc()
        said = " ".join(str(error).split())[:300]
        click.echo(f"The program failed ({type(error).__name__}: {said}); this is a fault of ours.", err=True)
        click.echo("Run the command with GATEWAY_DEBUG=1 for the trace and report it.", err=True)
        return Exit.FAULT


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@config_option(envvar="GATEWAY_CONFIG")
@json_option()
@click.version_option(__version__, prog_name="gateway")
def main() -> None:
    """File in, confirmed effect per row out.

    Exit codes: 0 all well, 1 some rows rejected or refused, 2 file unusable, 3 settings or command wrong,
    4 destination or source unreachable, 5 held or uncertain.

    Example: gateway --version
    """
