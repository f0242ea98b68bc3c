"""`init`: a starter that works as it stands."""

from __future__ import annotations

import shlex
import shutil
import sys
from pathlib import Path

import click

from gateway.cli import view
from gateway.cli.session import Exit, Session, common, pass_session
from gateway.errors import SettingsError
from gateway.settings.template import FOLDERS, partner_of, starter


@click.command()
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path), metavar="DIR")
@common
@pass_session
def init(session: Session, folder: Path) -> int:
    """Write a working starter into a folder.

    Settings with comments, one mapping, a sample file and the folders they name; the partner is called like the
    folder. Files that are there stay as they are.

    Example: gateway init acme
    """
    written: list[str] = []
    kept: list[str] = []
    called = _called()
    try:
        for name in FOLDERS:
            (folder / name).mkdir(parents=True, exist_ok=True)
        for name, text in starter(partner_of(folder.resolve().name)).items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            told = text.replace("\n    gateway ", f"\n    {called} ") if name == "README.md" else text
            (written if _write_new(folder / name, told) else kept).append(name)
    except OSError as error:
        raise SettingsError(
            f"{folder} can't be written to: {error.strerror or error}.", fix="Name a folder that may be written to."
        ) from error
    if session.json:
        view.emit({"folder": folder, "written": written, "kept": kept})
        return Exit.WELL
    for name in written:
        click.echo(f"written  {folder / name}")
    for name in kept:
        click.echo(f"kept     {folder / name}")
    there = "" if folder.resolve() == Path.cwd() else f"cd {shlex.quote(str(folder))} && "
    click.echo(f"Next: {there}{called} doctor; README.md there tells more.")
    return Exit.WELL


def _called() -> str:
    """Return how this program is called from any folder: by its name where the shell finds it, else by its path."""
    own = Path(sys.argv[0])
    if own.name == "__main__.py":
        return f"{shlex.quote(sys.executable)} -m gateway"
    found = shutil.which("gateway")
    if own.name != "gateway" or (found is not None and Path(found).resolve() == own.resolve()):
        return "gateway"
    return shlex.quote(str(own.absolute()))


def _write_new(path: Path, text: str) -> bool:
    try:
        with path.open("x", encoding="utf-8", newline="\n") as file:
            file.write(text)
    except FileExistsError:
        return False
    return True
