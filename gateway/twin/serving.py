"""Runs one twin until told to stop: what the command line calls."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Literal, get_args

from gateway.errors import SettingsError
from gateway.twin.mirakl import MiraklTwin, MiraklTwinSettings
from gateway.twin.sage import SageTwin, SageTwinSettings

System = Literal["mirakl", "sage"]


def serve(  # noqa: PLR0913 - one argument per option of the command line
    system: str,
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    speed: float = 1.0,
    state_dir: Path,
    offers: Mapping[str, int] | None = None,
    mirakl: MiraklTwinSettings | None = None,
    sage: SageTwinSettings | None = None,
    announce: Callable[[str], None] | None = None,
    stop: threading.Event | None = None,
) -> None:
    """Run the twin of `system` until `stop` is set or the user interrupts.

    State is kept in `state_dir`; the Sage folders are `sage-in` and `sage-results` in it. `announce` gets one line
    when the twin is up. Raises SettingsError for an unknown system, Unreachable when the port is taken.
    """
    if system not in get_args(System):
        raise SettingsError(f"There is no twin {system!r}: expected one of {', '.join(get_args(System))}.")
    state_dir.mkdir(parents=True, exist_ok=True)
    state_file = state_dir / f"{system}.json"
    twin: MiraklTwin | SageTwin
    if system == "mirakl":
        twin = MiraklTwin(offers, settings=mirakl, speed=speed, host=host, port=port, state_file=state_file)
    else:
        folders = state_dir / "sage-in", state_dir / "sage-results"
        twin = SageTwin(*folders, settings=sage, speed=speed, state_file=state_file)
    with twin:
        place = twin.url if isinstance(twin, MiraklTwin) else str(twin.inbox)
        if announce is not None:
            announce(f"{system} twin at {place}, clock factor {twin.clock.speed:g}")
        try:
            (stop or threading.Event()).wait()
        except KeyboardInterrupt:
            return
