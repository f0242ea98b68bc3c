"""The embedded dispatcher: threads in one process, one thread per lane at a time, a sweep for what is due."""

from __future__ import annotations

import heapq
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

from gateway.model import Clock

_IDLE = 0.5


class LocalDispatcher:
    """model.Dispatcher in one process. `due` is the sweep: every lane the journal says is due."""

    def __init__(self, clock: Clock, due: Callable[[], list[str]], *, workers: int = 4) -> None:
        self._clock = clock
        self._due = due
        self._workers = workers
        self._condition = threading.Condition()
        self._at: list[tuple[datetime, str]] = []
        self._running: set[str] = set()
        self._again: set[str] = set()
        self._stopping = False
        self._failure: BaseException | None = None

    def wake(self, lane: str, at: datetime | None = None) -> None:
        """Have the lane advanced now or at a time; a lane under way is advanced once more."""
        with self._condition:
            heapq.heappush(self._at, (at or self._clock.now(), lane))
            self._condition.notify_all()

    def run(self, advance: Callable[[str], datetime | None]) -> None:
        """Advance lanes until stopped. An exception that `advance` lets out is a fault of ours: it ends the run."""
        with ThreadPoolExecutor(self._workers, thread_name_prefix="lane") as pool:
            while not self._stopping and self._failure is None:
                for lane in self._take():
                    pool.submit(self._advance, lane, advance)
                with self._condition:
                    if not self._stopping and self._failure is None:
                        self._condition.wait(timeout=self._pause())
        if self._failure is not None:
            raise self._failure

    def stop(self) -> None:
        """Return from `run` when the lanes under way have come to a safe point."""
        with self._condition:
            self._stopping = True
            self._condition.notify_all()

    @property
    def busy(self) -> bool:
        """Whether a lane is under way."""
        with self._condition:
            return bool(self._running)

    def _take(self) -> list[str]:
        due = self._due()
        with self._condition:
            now = self._clock.now()
            woken: dict[str, None] = {}
            while self._at and self._at[0][0] <= now:
                woken[heapq.heappop(self._at)[1]] = None
            free = [lane for lane in dict.fromkeys(due) | woken if lane not in self._running]
            # The sweep names a lane under way until it has ended; only who woke it meanwhile wants it once more.
            self._again |= woken.keys() & self._running
            self._running |= set(free)
            return free

    def _advance(self, lane: str, advance: Callable[[str], datetime | None]) -> None:
        at: datetime | None = None
        try:
            if not self._stopping and self._failure is None:
                at = advance(lane)
        except BaseException as error:  # noqa: BLE001  handed to the thread that runs the service
            self._failure = self._failure or error
        finally:
            with self._condition:
                self._running.discard(lane)
                if lane in self._again:
                    self._again.discard(lane)
                    heapq.heappush(self._at, (self._clock.now(), lane))
                if at is not None:
                    heapq.heappush(self._at, (at, lane))
                self._condition.notify_all()

    def _pause(self) -> float:
        if not self._at:
            return _IDLE
        return min(_IDLE, max(0.0, (self._at[0][0] - self._clock.now()).total_seconds()))
