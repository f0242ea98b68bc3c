"""Reading ahead and working side by side: order, faults, and leaving early."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing

import pytest

from gateway.ahead import Behind, ahead, beside, mapped, one_ahead, spread


class FaultError(Exception):
    """What goes wrong midway."""


def counted(until: int, *, fault: bool = False) -> Iterator[int]:
    yield from range(until)
    if fault:
        raise FaultError


WAYS = pytest.mark.parametrize("way", [ahead, one_ahead, lambda items: mapped(items, lambda one: one, workers=2)])


@WAYS
def test_items_come_in_order(way: Callable[[Iterator[int]], Iterator[int]]):
    assert list(way(counted(50))) == list(range(50))
    assert list(way(counted(0))) == []


@pytest.mark.parametrize("way", [ahead, one_ahead])
def test_a_fault_is_raised_in_its_place(way: Callable[[Iterator[int]], Iterator[int]]):
    came: list[int] = []
    with pytest.raises(FaultError):
        came.extend(way(counted(3, fault=True)))
    assert came == [0, 1, 2]


def test_a_fault_of_the_work_is_raised_in_its_place():
    def work(item: int) -> int:
        if item == 3:
            raise FaultError
        return item * 2

    came: list[int] = []
    with pytest.raises(FaultError):
        came.extend(mapped(counted(50), work, workers=2))
    assert came == [0, 2, 4]


def test_none_is_an_item_like_any_other():
    assert list(one_ahead(iter([1, None, 2]))) == [1, None, 2]


def test_what_is_left_early_is_made_to_the_end_before_its_source_is_closed():
    free = threading.Event()

    def slow() -> Iterator[int]:
        for number in range(10):
            if number == 1:
                free.wait(5)
            yield number

    source = slow()
    with closing(source), closing(one_ahead(source)) as coming:
        assert next(coming) == 0
        threading.Timer(0.05, free.set).start()
    # closing a generator that runs in another thread would have raised ValueError


def test_a_sink_gets_all_and_its_fault_comes_back():
    taken: list[int] = []
    with Behind(taken.append) as behind:
        for item in range(20):
            behind.put(item)
    assert taken == list(range(20))

    def full(_: int) -> None:
        raise FaultError

    with pytest.raises(FaultError), Behind(full) as behind:
        behind.put(1)


def test_works_are_spread_over_so_many_threads_and_come_back_in_order():
    busy, most, lock = 0, 0, threading.Lock()

    def work(item: int) -> int:
        nonlocal busy, most
        with lock:
            busy += 1
            most = max(most, busy)
        time.sleep(0.001 * (item % 3))
        with lock:
            busy -= 1
        return item * 2

    assert spread(range(30), work, workers=3) == [item * 2 for item in range(30)]
    assert 1 <= most <= 3
    assert spread([], work, workers=3) == []


def test_a_fault_of_one_work_is_raised_when_the_others_have_ended():
    done: list[int] = []

    def work(item: int) -> None:
        if item == 0:
            raise FaultError
        time.sleep(0.01)
        done.append(item)

    with pytest.raises(FaultError):
        spread(range(5), work, workers=2)
    assert done == [1, 2, 3, 4]


def test_threads_are_kept_and_works_that_begin_others_never_wait_for_a_thread():
    def depth(left: int) -> int:
        return 1 if left == 0 else 1 + beside(depth, left - 1).result(10)

    assert beside(depth, 30).result(20) == 31
    beside(threading.get_ident).result(5)
    before = threading.active_count()
    assert {beside(threading.get_ident).result(5) for _ in range(50)}
    assert threading.active_count() == before
