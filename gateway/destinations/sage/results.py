"""The folder of answers: which files lie there, what each says, and which of them can't be read."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from gateway.destinations import _folder
from gateway.destinations.sage import answers
from gateway.errors import Unreachable

_LARGEST = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Found:
    """An answer file as it lies there; None as answer while it can't be read.

    `batch`: whose its name says it is, where it says so. `trouble`: why it can't be read, where it is not just being
    written.
    """

    name: str
    stamp: str
    answer: answers.Answer | None
    batch: str | None
    trouble: str = ""

    def answers(self, batch: str) -> bool:
        """Whether it was read and names the batch."""
        return self.answer is not None and batch in self.answer.batches

    def may_answer(self, batch: str) -> bool:
        """Whether it names the batch, or can't be read and nothing says that it is another's."""
        return self.batch in {None, batch} if self.answer is None else batch in self.answer.batches


class Results:
    """Reads files one by one: what is wrong with one keeps no other. It remembers what it read while that stays."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._read: dict[str, Found] = {}

    def look(self) -> list[Found]:
        """Return every answer file, in the order they came. Raises Unreachable where the folder can't be listed."""
        stats: list[tuple[int, str, int]] = []
        for name in _folder.names(self._folder, ".json"):
            try:
                stat = (self._folder / name).stat()
            except FileNotFoundError:
                continue
            stats.append((stat.st_mtime_ns, name, stat.st_size))
        found = [self._found(name, f"{name}:{when}:{size}") for when, name, size in sorted(stats)]
        self._read = {one.name: one for one in found}
        return found

    def raw(self, read: Iterable[answers.Answer]) -> tuple[tuple[str, bytes], ...]:
        """Return answers as they lie there, with their names; what can't be read any more is left out."""
        bodies = ((answer.name, self._body(answer.name)) for answer in read)
        return tuple((name, body) for name, body in bodies if isinstance(body, bytes))

    def _found(self, name: str, stamp: str) -> Found:
        before = self._read.get(name)
        stays = before is not None and before.stamp == stamp
        if before is not None and stays and before.answer is not None:
            return before
        batch, body = answers.named(name), self._body(name)
        if not isinstance(body, bytes):
            return Found(name, stamp, None, batch, body)
        answer = answers.read(name, body)
        # What is being written is read when it is whole; what nobody says anything of is nobody's answer.
        broken = answer is None and stays and batch is not None
        told = f"The file {self._folder / name} is no JSON that can be read. Have it put there anew." if broken else ""
        return Found(name, stamp, answer, batch, told)

    def _body(self, name: str) -> bytes | str:
        """Return the bytes of a file, or why there are none."""
        path = self._folder / name
        try:
            body = _folder.read(path, _LARGEST)
        except Unreachable as error:
            return str(error)
        if body is None and path.exists():
            return f"The file {path} has more than {_LARGEST} bytes. Have its answers put into several files."
        return "" if body is None else body
