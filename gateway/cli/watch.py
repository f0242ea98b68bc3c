"""Whether the settings have changed, and whether what they say now can be used."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import structlog

from gateway.errors import SettingsError
from gateway.settings import Loaded, load_settings

_Marks = dict[Path, tuple[int, int] | None]


class SettingsWatch:
    """Looks at the files the settings are made of; a faulty change is told once and not taken up."""

    def __init__(self, loaded: Loaded) -> None:
        self._loaded = loaded
        self._marks = _marks(loaded.watched)

    def changed(self) -> Loaded | None:
        """Return the new settings when a file has changed and all of them are sound."""
        marks = _marks(self._marks)
        if marks == self._marks:
            return None
        self._marks = marks
        log = structlog.get_logger("gateway")
        try:
            return load_settings(self._loaded.path)
        except SettingsError as error:
            for fault in error.faults:
                log.error("settings refused", where=fault.where, said=fault.message)  # noqa: TRY400  the fault says it all
            log.warning("old settings kept", settings=str(self._loaded.path), faults=len(error.faults))
            return None


def _marks(paths: Iterable[Path]) -> _Marks:
    return {path: _mark(path) for path in paths}


def _mark(path: Path) -> tuple[int, int] | None:
    try:
        stat = path.stat()
    except OSError:
        return None
    return stat.st_mtime_ns, stat.st_size
