"""What all commands share: settings file, output form, exit codes, how an error is told; imports next to nothing."""

from __future__ import annotations

import enum
import json
import math
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import click

from gateway.errors import (
    FileError,
    GatewayError,
    HostKeyError,
    MayWorkLater,
    OutcomeUnknown,
    Refused,
    SettingsError,
)

_F = TypeVar("_F", bound=Callable[..., Any])


class Exit(enum.IntEnum):
    """What a command's exit code says; of several, the highest counts."""

    WELL = 0
    ROWS = 1
    FILE = 2
    SETTINGS = 3
    UNREACHABLE = 4
    OPEN = 5
    FAULT = 70
    STOPPED = 130

    @property
    def meaning(self) -> str:
        """The code in words."""
        return _MEANINGS[self]


_MEANINGS = {
    Exit.WELL: "All well.",
    Exit.ROWS: "Some rows were rejected or refused.",
    Exit.FILE: "A file is unusable as a whole.",
    Exit.SETTINGS: "Settings, a mapping or the command itself is wrong; nothing was started.",
    Exit.UNREACHABLE: "A destination or source can't be reached or doesn't let us in.",
    Exit.OPEN: "Rows are held or uncertain, or still under way: a person decides, or time does.",
    Exit.FAULT: "A fault of the program itself.",
    Exit.STOPPED: "Stopped from the keyboard.",
}


@dataclass
class Session:
    """Options every command takes."""

    config: Path = Path("gateway.toml")
    json: bool = False


pass_session = click.make_pass_decorator(Session, ensure=True)


def _set_config(ctx: click.Context, _param: click.Parameter, value: Path | None) -> None:
    if value is not None:
        ctx.ensure_object(Session).config = value


def _set_json(ctx: click.Context, _param: click.Parameter, value: bool) -> None:  # noqa: FBT001  click's signature
    if value:
        ctx.ensure_object(Session).json = True


def config_option(*, envvar: str | None = None) -> Callable[[_F], _F]:
    """--config, before or after the command's name."""
    return click.option(
        "--config", type=click.Path(path_type=Path), metavar="FILE", callback=_set_config, expose_value=False,
        envvar=envvar, help="Settings file.  [default: gateway.toml; environment: GATEWAY_CONFIG]",
    )  # fmt: skip


def json_option() -> Callable[[_F], _F]:
    """--json, before or after the command's name."""
    return click.option(
        "--json", is_flag=True, callback=_set_json, expose_value=False, help="Answer in JSON, for machines."
    )


def common(command: _F) -> _F:
    """Add the options every command takes."""
    return config_option()(json_option()(command))


class Factor(click.FloatRange):
    """A number within bounds; neither endless nor none, which slip through comparisons."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Read the number. Raises BadParameter."""
        made = super().convert(value, param, ctx)
        if not math.isfinite(made):
            self.fail(f"{value} is no number that can be reckoned with.", param, ctx)
        return made


def new_file(path: Path) -> Path:
    """Return the path of a file that is about to be written. Raises SettingsError where it can't, before any work."""
    folder = path.parent
    if not folder.is_dir():
        why = f"{folder} is no folder" if folder.exists() else f"the folder {folder} does not exist"
    elif path.is_dir():
        why = "it is a folder"
    elif not os.access(path if path.exists() else folder, os.W_OK):
        why = "we may not write there"
    else:
        return path
    raise SettingsError(f"{path} can't be written: {why}.", fix="Make the folder, or name another file with --out.")


def new_folder(path: Path) -> Path:
    """Return the path of a folder that is about to be made. Raises SettingsError where it can't, before any work."""
    above = next((one for one in (path, *path.parents) if one.exists()), Path())
    if not above.is_dir():
        why = f"{above} is no folder"
    elif not os.access(above, os.W_OK):
        why = f"we may not write to {above}"
    else:
        return path
    raise SettingsError(f"The folder {path} can't be made: {why}.", fix="Name another one with --out.")


def _plain(error: GatewayError) -> str:
    """Return the message; settings faults that stand alone and have no place go without one."""
    if isinstance(error, SettingsError) and [fault.where for fault in error.faults] == ["settings"]:
        return error.faults[0].message
    return error.message


def exit_of(error: GatewayError) -> Exit:
    """Return the exit code an error deserves."""
    if isinstance(error, FileError):
        return Exit.FILE
    if isinstance(error, (MayWorkLater, HostKeyError, Refused)):
        return Exit.UNREACHABLE
    return Exit.OPEN if isinstance(error, OutcomeUnknown) else Exit.SETTINGS


def tell(session: Session, error: GatewayError) -> Exit:
    """Say what went wrong and what to do: on stderr, with --json also as an object on stdout; returns the code."""
    code = exit_of(error)
    try:
        _say(session, error, code)
    except BrokenPipeError:  # whoever read this has gone: what is left must not be tried again at the end
        nowhere = os.open(os.devnull, os.O_WRONLY)
        for stream in (sys.stdout, sys.stderr):
            os.dup2(nowhere, stream.fileno())
    return code


def _say(session: Session, error: GatewayError, code: Exit) -> None:
    if isinstance(error, SettingsError) and len(error.faults) > 1:
        click.echo(f"{len(error.faults)} faults:", err=True)
    message = _plain(error)
    place = f" (line {error.line})" if isinstance(error, FileError) and error.line is not None else ""
    place = "" if place.strip() in message else place
    click.echo(f"{message}{place}", err=True)
    if error.fix:
        click.echo(error.fix, err=True)
    if session.json:
        said: dict[str, Any] = {"error": message, "fix": error.fix, "exit": int(code)}
        if isinstance(error, SettingsError):
            said["faults"] = [{"where": fault.where, "message": fault.message} for fault in error.faults]
        if isinstance(error, FileError):
            said |= {"code": error.code, "line": error.line}
        click.echo(json.dumps(said, indent=2, ensure_ascii=False))
