"""Runs an iterator or a sink in another thread, one or two items ahead, so that reading and writing overlap."""

from __future__ import annotations

import functools
import os
import queue
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from types import TracebackType
from typing import Generic, Self, TypeVar

_T = TypeVar("_T")
_R = TypeVar("_R")

_MOST = 1000
"""Threads at the same time: never so many that one waits for another to begin."""


@functools.cache
def _threads() -> ThreadPoolExecutor:
    """Return the threads of this process, which are kept: each has to compile the patterns it looks for only once."""
    if hasattr(os, "register_at_fork"):  # a copy of the process has none of them
        os.register_at_fork(after_in_child=_threads.cache_clear)
    return ThreadPoolExecutor(_MOST, thread_name_prefix="beside")


class _End:
    """Marks the end of a queue; `error` is what ended it early."""

    def __init__(self, error: BaseException | None = None) -> None:
        self.error = error


def beside(work: Callable[..., _R], *given: object) -> Future[_R]:
    """Do a work in another thread; whoever began it waits for it, whatever happens meanwhile."""
    return _threads().submit(work, *given)


def spread(items: Sequence[_T], work: Callable[[_T], _R], *, workers: int) -> list[_R]:
    """Return `work(item)` in the order of the items, at most `workers` at the same time.

    What one of them raises is raised when the others have ended.
    """
    numbers = iter(range(len(items)))  # each number is given out once, whoever asks

    def some() -> list[tuple[int, _R]]:
        return [(number, work(items[number])) for number in numbers]

    working = [beside(some) for _ in range(min(workers, len(items)))]
    wait(working)
    done = dict(pair for one in working for pair in one.result())
    return [done[number] for number in range(len(items))]


def ahead(items: Iterator[_T], *, depth: int = 1) -> Iterator[_T]:
    """Yield the items, read by another thread at most `depth` ahead. Its exception is raised here, in its place.

    Leaving early stops the other thread at its next item.
    """
    ready: queue.Queue[_T | _End] = queue.Queue(depth)
    left = threading.Event()

    def put(item: _T | _End) -> bool:
        while not left.is_set():
            try:
                ready.put(item, timeout=0.1)
            except queue.Full:
                continue
            return True
        return False

    def work() -> None:
        error: BaseException | None = None
        try:
            for item in items:
                if not put(item):
                    return
        except BaseException as caught:  # noqa: BLE001  raised again in the reader's thread
            error = caught
        put(_End(error))

    working = beside(work)
    try:
        while not isinstance(item := ready.get(), _End):
            yield item
        if item.error is not None:
            raise item.error
    finally:
        left.set()
        wait([working])


def one_ahead(items: Iterator[_T]) -> Generator[_T]:
    """Yield the items while another thread makes the next one. Close it before what the items come from."""
    end = _End()
    coming: Future[_T | _End] = beside(next, items, end)
    try:
        while not isinstance(item := coming.result(), _End):
            coming = beside(next, items, end)
            yield item
    finally:
        wait([coming])


def mapped(items: Iterator[_T], work: Callable[[_T], _R], *, workers: int) -> Iterator[_R]:
    """Yield `work(item)` in the order of the items, at most `workers` at the same time."""
    under_way: deque[Future[_R]] = deque()
    try:
        for item in items:
            under_way.append(beside(work, item))
            if len(under_way) >= workers:
                yield under_way.popleft().result()
        while under_way:
            yield under_way.popleft().result()
    finally:
        for one in under_way:
            one.cancel()
        wait(under_way)


class Behind(Generic[_T]):
    """Hands items to `sink` in order in another thread, at most `depth` behind; `close` waits and raises its fault."""

    def __init__(self, sink: Callable[[_T], None], *, depth: int = 1) -> None:
        self._sink = sink
        self._items: queue.Queue[_T | _End] = queue.Queue(depth)
        self._error: BaseException | None = None
        self._working = beside(self._work)

    def put(self, item: _T) -> None:
        """Hand over an item; waits while the sink is `depth` behind. Raises what the sink raised before."""
        if self._error is not None:
            raise self._error
        self._items.put(item)

    def close(self) -> None:
        """Wait until all is done. Raises what the sink raised."""
        self._items.put(_End())
        wait([self._working])
        if self._error is not None:
            raise self._error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            self.close()
            return
        self._items.put(_End())
        wait([self._working])

    def _work(self) -> None:
        while not isinstance(item := self._items.get(), _End):
            if self._error is None:
                try:
                    self._sink(item)
                except BaseException as caught:  # noqa: BLE001  raised again in the giver's thread
                    self._error = caught
