"""What a run pins of its mapping: a copy with its lookups, taken once, and their digest."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Mapping
from pathlib import Path

from gateway import __version__
from gateway.delivery.dates import DateForm
from gateway.delivery.setup import Grouping, Pinned
from gateway.mapping import MappingFile, load_mapping
from gateway.mapping.dates import ISO
from gateway.pipeline.setup import RouteSetup
from gateway.spool import RunFolder


def pin(folder: RunFolder, path: Path) -> MappingFile:
    """Copy the mapping and its lookups into the run and load the copy; a run taken up again keeps its first copy."""
    done = folder.root / "pinned.ok"
    if not done.exists() or done.read_bytes() != _copied(folder):  # a power cut may have left half of it
        shutil.rmtree(folder.pinned, ignore_errors=True)
        mapping = load_mapping(path)
        for source in mapping.sources:
            target = folder.pinned / source.relative_to(mapping.path.parent)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)
        done.write_bytes(_copied(folder))
    return load_mapping(folder.pinned / path.name)


def _copied(folder: RunFolder) -> bytes:
    """Digest of the copies."""
    digest = hashlib.sha256()
    for path in sorted(folder.pinned.rglob("*")):
        if path.is_file():
            digest.update(f"{path.relative_to(folder.pinned)} {path.stat().st_size}\n".encode())
            digest.update(path.read_bytes())
    return digest.hexdigest().encode()


def _digest_of(mapping: MappingFile) -> str:
    """Short digest of a mapping with its lookups."""
    digest = hashlib.sha256()
    for source in mapping.sources:
        digest.update(source.read_bytes())
    return digest.hexdigest()[:12]


def pinned_by(setup: RouteSetup, mapping: MappingFile, columns: Mapping[str, str]) -> Pinned:
    """Return what a run pins; `columns`: contract field to the column it came from."""
    return Pinned(
        route=setup.route,
        mapping=mapping.path.name,
        columns=columns,
        constants={
            name: spec.fixed for name, spec in mapping.fields.items() if spec.fixed is not None and spec.when is None
        },
        sometimes=frozenset(
            n for n, spec in mapping.fields.items() if spec.fixed is not None and spec.when is not None
        ),
        dates=_dates(setup, mapping),
        grouping=None if mapping.group is None else Grouping(sums=mapping.group.sum),
        versions=versions_of(setup, mapping),
    )


def _dates(setup: RouteSetup, mapping: MappingFile) -> dict[str, DateForm]:
    """Return how the columns of points in time are written, as they are read."""
    contract = setup.contract
    return {
        name: DateForm(
            pattern=spec.date or ISO,
            zone=spec.zone or setup.route.zone,
            end_of_day=name in contract.day_ends if spec.end_of_day is None else spec.end_of_day,
        )
        for name, spec in mapping.fields.items()
        if name in contract.instants and spec.fixed is None
    }


def versions_of(setup: RouteSetup, mapping: MappingFile) -> dict[str, str]:
    """Return by what a route's rows are read and sent now: `gateway`, `contract`, `mapping`, `destination`."""
    return {
        "gateway": __version__,
        "contract": f"{setup.contract.name} {setup.contract.version}",
        "mapping": _digest_of(mapping),
        "destination": setup.target.version,
    }
