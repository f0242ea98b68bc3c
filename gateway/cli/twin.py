"""`twin`: local stand-ins of the systems at the other end."""

from __future__ import annotations

import csv
import os
import re
import secrets
import signal
import threading
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Literal

import click

from gateway.cli.session import Exit, Factor, Session, common, pass_session
from gateway.clock import SystemClock
from gateway.errors import SettingsError
from gateway.twin.drop import Account, Drop
from gateway.twin.keeping import held
from gateway.twin.serving import SYSTEMS, serve

FACTOR = Factor(min=0, max=1e6, min_open=True)
PASSWORD = "GATEWAY_DROP_PASSWORD"  # noqa: S105  the name of a variable


def _currency(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    if value is None or re.fullmatch("[A-Z]{3}", value):
        return value
    raise click.BadParameter(f"found {value!r}, expected three capital letters like EUR.", ctx, param)


@click.command()
@click.argument("system", type=click.Choice([*SYSTEMS, "drop"]))
@click.option("--speed", type=FACTOR, default=1.0, show_default=True, help="Clock factor: shrinks limits and delays.")
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="Port on this machine.  [default: a free one]")
@click.option(
    "--dir", "folder", type=click.Path(file_okay=False, path_type=Path), default=Path("twin"), show_default=True,
    metavar="DIR", help="Where it keeps its state.",
)  # fmt: skip
@click.option(
    "--offers", type=click.Path(exists=True, dir_okay=False, path_type=Path), metavar="FILE",
    help="CSV of sku,quantity that a shop has at its first start (partner_api: for the price 10); others are unknown "
    "to it.",
)  # fmt: skip
@click.option(
    "--currency", metavar="CODE", help="Currency the mirakl shop sells in.  [default: USD]", callback=_currency
)
@click.option(
    "--bare-discount",
    type=click.Choice(["rate", "amount"]),
    help="What a special price's discount without % is to the sage twin.  [default: rate]",
)
@click.option("--user", default="partner", show_default=True, help="Account of the drop.")
@common
@pass_session
def twin(  # noqa: PLR0913, PLR0917  each option is an argument
    session: Session,
    system: str,
    speed: float,
    port: int,
    folder: Path,
    offers: Path | None,
    currency: str | None,
    bare_discount: Literal["rate", "amount"] | None,
    user: str,
) -> int:
    """Run a local stand-in of a system at the other end.

    It runs until it is stopped, listens on this machine only and keeps the rules of the real system: limits, delays,
    error reports. Its first lines say how it is reached, which pages show what it was told, and settings that fit it;
    GET /twin says it again. The drop shows DIR/files to its account; its password is that of GATEWAY_DROP_PASSWORD, or
    a new one in DIR/password, and DIR/known_hosts holds its host key. A second one of a system needs another DIR.

    Example: gateway twin mirakl --speed 300 --dir twins
    """
    if currency is not None and system != "mirakl":
        raise SettingsError(f"--currency is of the mirakl twin; {system} has none.", fix="Leave it out.")
    if bare_discount is not None and system != "sage":
        raise SettingsError(f"--bare-discount is of the sage twin; {system} has none.", fix="Leave it out.")
    del session
    stop = threading.Event()
    _on_signal(stop)
    if system == "drop":
        _drop(folder, port, user, stop, click.echo)
    else:
        shop = None if offers is None else _offers(offers)
        serve(
            system, port=port, speed=speed, state_dir=folder, offers=shop, currency=currency,
            bare_discount=bare_discount or "rate", announce=click.echo, stop=stop,
        )  # fmt: skip
    return Exit.WELL


def _offers(path: Path) -> dict[str, int]:
    """Read sku,quantity lines. Raises SettingsError naming the line that is neither."""
    found: dict[str, int] = {}
    for number, row in enumerate(csv.reader(path.read_text("utf-8-sig").splitlines()), 1):
        if len(row) == 2 and row[1].strip().isdigit():
            found[row[0]] = int(row[1])
        elif number > 1 and row:
            raise SettingsError(f"{path}:{number}: found {','.join(row)!r}, expected sku,quantity.")
    return found


def _on_signal(stop: threading.Event) -> None:
    def ask(number: int, frame: FrameType | None) -> None:
        del number, frame
        threading.Thread(target=stop.set, name="stop").start()

    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, ask)
        signal.signal(signal.SIGINT, ask)


def _drop(folder: Path, port: int, user: str, stop: threading.Event, announce: Callable[[str], None]) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        word = os.environ.get(PASSWORD) or _kept_password(folder / "password")
    except OSError as error:
        raise SettingsError(
            f"{folder} can't be written to: {error.strerror or error}.", fix="Name another --dir."
        ) from error
    account = Account(user, folder / "files", word)
    with held(folder, "drop"), Drop(folder, [account], SystemClock(), port=port) as drop:
        (folder / "known_hosts").write_text(f"{drop.known_hosts_line}\n", "utf-8")
        announce(f"drop at {drop.host}:{drop.port}, user {user}, host key in {folder / 'known_hosts'}")
        stop.wait()


def _kept_password(path: Path) -> str:
    """Return the password of an earlier start, or make one that only its owner may read."""
    if not path.exists():
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(secrets.token_urlsafe(16))
    return path.read_text("utf-8").strip()
