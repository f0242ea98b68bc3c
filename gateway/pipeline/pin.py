"""What a run pins of its mapping: a copy with its lookups, taken once, and their digest."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

from gateway.mapping import MappingFile, load_mapping
from gateway.spool import RunFolder


def pin(folder: RunFolder, path: Path) -> MappingFile:
    """Copy the mapping and its lookups into the run and load the copy; a run taken up again keeps its first copy."""
    done = folder.root / "pinned.ok"
    if not done.exists():
        mapping = load_mapping(path)
        for source in mapping.sources:
            target = folder.pinned / source.relative_to(mapping.path.parent)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)
        done.touch()
    return load_mapping(folder.pinned / path.name)


def digest_of(mapping: MappingFile) -> str:
    """Short digest of a mapping with its lookups."""
    digest = hashlib.sha256()
    for source in mapping.sources:
        digest.update(source.read_bytes())
    return digest.hexdigest()[:12]
