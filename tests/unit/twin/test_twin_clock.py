"""The twins' clock and the counters of faults."""

from datetime import UTC, timedelta

import pytest

from gateway.errors import SettingsError
from gateway.twin.clock import TwinClock
from gateway.twin.faults import MiraklFaults


def test_dates_are_aware_and_never_go_back():
    clock = TwinClock(10)
    moments = [clock.now() for _ in range(100)]
    assert moments == sorted(moments)
    assert moments[0].tzinfo is UTC


def test_twin_seconds_pass_faster():
    clock = TwinClock(100)
    begin = clock.now()
    assert clock.later(begin, 50) - begin == timedelta(seconds=0.5)
    assert clock.real(50) == 0.5
    clock.advance(50)
    assert 50 <= clock.since(begin) < 150


@pytest.mark.parametrize("speed", [0, -1, float("nan")])
def test_a_clock_needs_a_speed(speed):
    with pytest.raises(SettingsError, match="above 0"):
        TwinClock(speed)


def test_faults_are_used_up():
    faults = MiraklFaults(drop=2, error_500=-1)
    assert [faults.take("drop") for _ in range(3)] == [True, True, False]
    assert [faults.take("error_500") for _ in range(3)] == [True, True, True]


def test_faults_for_another_api_are_kept():
    faults = MiraklFaults(drop=1, only="STO02")
    assert not faults.strikes("drop", "STO01")
    assert faults.strikes("drop", "STO02")
    assert faults.drop == 0


def test_faults_are_set_all_or_none():
    faults = MiraklFaults()
    with pytest.raises(SettingsError, match="'dorp'"):
        faults.set({"drop": 1, "dorp": 1})
    with pytest.raises(SettingsError, match="'1'"):
        faults.set({"drop": "1"})
    assert faults == MiraklFaults()
    faults.set({"drop": 1, "slow_seconds": 2, "only": "A01"})
    assert faults.as_dict()["drop"] == 1
    assert "_lock" not in faults.as_dict()
