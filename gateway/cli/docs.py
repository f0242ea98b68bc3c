"""The page on the command line, written from the commands' own help so that it can't drift."""

from __future__ import annotations

import click

from gateway.cli.group import COMMANDS, main
from gateway.cli.session import Exit

_WIDTH = 100

_INTRO = """# The command line

This page is written by the program from the help of its commands; edit the commands, not the page.

`--config FILE` and `--json` may stand before or after a command's name. Messages and log lines go to stderr, results
to stdout; progress is shown on a terminal only. With `--json` an error is an object on stdout too:
`error`, `fix`, `exit` and, for settings, every fault with its file and line.

| Exit code | Says |
| --- | --- |
"""


def markdown() -> str:
    """Return the whole page."""
    codes = "".join(f"| {int(code)} | {code.meaning} |\n" for code in Exit)
    settings = {**main.context_settings, "terminal_width": _WIDTH, "max_content_width": _WIDTH}
    root = click.Context(main, info_name="gateway", **settings)
    parts = [_INTRO + codes, _section("gateway", main, root)]
    for name in COMMANDS:
        command = main.get_command(root, name)
        if command is not None:
            context = click.Context(command, info_name=name, parent=root, **settings)
            parts.append(_section(f"gateway {name}", command, context))
    return "\n".join(parts)


def _section(title: str, command: click.Command, context: click.Context) -> str:
    return f"## {title}\n\n```text\n{command.get_help(context)}\n```\n"
