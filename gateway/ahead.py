"""Runs an iterator or a sink in a thread of its own, one or two items ahead, so that reading and writing overlap."""

from __future__ import annotations

import queue
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Generic, Self, TypeVar

_T = TypeVar("_T")
_R = TypeVar("_R")


class _End:
    """Marks the end of a queue; `error` is what ended it early."""

    def __init__(self, error: BaseException | None = None) -> None:
        self.error = error


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

    thread = threading.Thread(target=work, name="ahead", daemon=True)
    thread.start()
    try:
        while not isinstance(item := ready.get(), _End):
            yield item
        if item.error is not None:
            raise item.error
    finally:
        left.set()
        thread.join()


def one_ahead(items: Iterator[_T]) -> Generator[_T]:
    """Yield the items while another thread makes the next one. Close it before what the items come from."""
    end = _End()
    with ThreadPoolExecutor(1, thread_name_prefix="next") as pool:
        coming: Future[_T | _End] = pool.submit(next, items, end)
        while not isinstance(item := coming.result(), _End):
            coming = pool.submit(next, items, end)
            yield item


def mapped(items: Iterator[_T], work: Callable[[_T], _R], *, workers: int) -> Iterator[_R]:
    """Yield `work(item)` in the order of the items, at most `workers` at the same time."""
    with ThreadPoolExecutor(workers, thread_name_prefix="work") as pool:
        under_way: deque[Future[_R]] = deque()
        try:
            for item in items:
                under_way.append(pool.submit(work, item))
                if len(under_way) >= workers:
                    yield under_way.popleft().result()
            while under_way:
                yield under_way.popleft().result()
        finally:
            for one in under_way:
                one.cancel()


class Behind(Generic[_T]):
    """Hands items to `sink` in order in another thread, at most `depth` behind; `close` waits and raises its fault."""

    def __init__(self, sink: Callable[[_T], None], *, depth: int = 1) -> None:
        self._sink = sink
        self._items: queue.Queue[_T | _End] = queue.Queue(depth)
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._work, name="behind", daemon=True)
        self._thread.start()

    def put(self, item: _T) -> None:
        """Hand over an item; waits while the sink is `depth` behind. Raises what the sink raised before."""
        if self._error is not None:
            raise self._error
        self._items.put(item)

    def close(self) -> None:
        """Wait until all is done. Raises what the sink raised."""
        self._items.put(_End())
        self._thread.join()
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
        self._thread.join()

    def _work(self) -> None:
        while not isinstance(item := self._items.get(), _End):
            if self._error is None:
                try:
                    self._sink(item)
                except BaseException as caught:  # noqa: BLE001  raised again in the giver's thread
                    self._error = caught
