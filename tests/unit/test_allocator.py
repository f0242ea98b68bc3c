"""Settings of the allocators, each tried in a process of its own: they hold for good."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys

import pytest

from gateway.allocator import FLAT, SETTING

SHOW = f"import os; from gateway.allocator import keep_flat; keep_flat(); print(os.environ['{SETTING}'])"


def shown(**more: str) -> str:
    bare = {name: text for name, text in os.environ.items() if name not in {SETTING, "MALLOC_ARENA_MAX"}}
    done = subprocess.run([sys.executable, "-c", SHOW], capture_output=True, text=True, check=True, env=bare | more)
    return done.stdout.strip()


def test_polars_is_told_before_it_is_loaded_and_a_setting_from_outside_stays():
    assert shown() == FLAT
    assert shown(**{SETTING: "narenas:4"}) == "narenas:4"


@pytest.mark.skipif(sys.platform != "linux", reason="the option is glibc's")
def test_glibc_takes_its_options():
    libc = ctypes.CDLL(None)
    if not hasattr(libc, "mallopt"):
        pytest.skip("this C library has no mallopt")
    for option, value in ((-8, 2), (-3, 4 << 20), (-1, 16 << 20)):
        code = f"import ctypes, sys; sys.exit(0 if ctypes.CDLL(None).mallopt({option}, {value}) == 1 else 1)"
        assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_what_was_made_while_loading_is_never_looked_through_again() -> None:
    shown = _told(
        "import gc; from gateway.allocator import loading\n"
        "with loading():\n    kept = [[] for _ in range(1000)]; inside = gc.isenabled()\n"
        "print(inside, gc.isenabled(), gc.get_freeze_count() >= 1000)"
    )
    assert shown == "False True True"


def test_garbage_is_looked_for_again_when_loading_failed() -> None:
    shown = _told(
        "import gc; from gateway.allocator import loading\n"
        "try:\n    with loading():\n        raise ImportError\nexcept ImportError:\n    print(gc.isenabled())"
    )
    assert shown == "True"


def _told(script: str) -> str:
    return subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True).stdout.strip()


def test_threads_hand_over_the_lock_sooner() -> None:
    script = "import sys; from gateway.allocator import share_evenly; share_evenly(); print(sys.getswitchinterval())"
    assert 0 < float(_told(script)) < 0.005
