"""`gateway run` as a process of its own, and files it reads that are replaced while it runs."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable


class Running:
    """A gateway in a process of its own with the log lines it wrote so far."""

    def __init__(self, folder):
        self.log = folder / "log.jsonl"
        with self.log.open("w") as log:
            self.process = subprocess.Popen([sys.executable, "-m", "gateway", "run"], cwd=folder, stderr=log)

    def lines(self):
        return [json.loads(line) for line in self.log.read_text().splitlines() if line.endswith("}")]

    def until(self, wanted: Callable[[dict[str, object]], bool]):
        return self.wait(lambda: [line for line in self.lines() if wanted(line)])[0]

    def wait(self, looked: Callable[[], object]):
        """Return what a look finds, as soon as that is something."""
        end = time.monotonic() + 20
        while time.monotonic() < end:
            if found := looked():
                return found
            assert self.process.poll() is None, self.log.read_text()
            time.sleep(0.05)
        raise AssertionError(self.log.read_text())

    def event(self, name: str):
        return self.until(lambda line: line["event"] == name)

    def stop(self, number=signal.SIGTERM):
        self.process.send_signal(number)
        return self.process.wait(timeout=20)


def put(path, text):
    """Replace a file whole at once."""
    part = path.with_suffix(".part")
    part.write_text(text)
    part.replace(path)
