"""`run`: the service with its signals, its log lines and its settings; `--once` drains and judges the drain."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime, timedelta
from types import FrameType
from typing import Any

import click
import structlog

from gateway.cli import logs, view
from gateway.cli.session import Exit, Factor, Session, common, pass_session
from gateway.cli.status import print_refused, print_runs, print_sets
from gateway.cli.verdicts import facts_of, highest, of_refusal, of_run, refusal_facts
from gateway.cli.watch import SettingsWatch
from gateway.clock import SystemClock
from gateway.errors import GatewayError, no_room
from gateway.operations import Mark
from gateway.settings import Loaded, load_settings
from gateway.wiring import Gateway, wire

PATIENCE = 30.0
"""Seconds after which `--once` no longer waits for a destination that can't be reached."""

_OURS = ("source ", "arrival ", "set ")
"""Subjects in whose trouble files wait that nobody has taken yet."""

_LOUD = {
    "setup",
    "trouble",
    "rejected",
    "refused",
    "held",
    "refused name",
    "grew",
    "resend",
    "unreadable",
    "unmatched",
    "postponed",
    "clock",
}
_FAULT = "fault"
"""Kinds of events that are warnings, and the one that is an error of ours; all others only inform."""


@click.command()
@click.option("--once", is_flag=True, help="Take what is there, settle it, stop.")
@click.option(
    "--wait",
    type=Factor(min=0),
    metavar="SECONDS",
    help="With --once: stop after so long even when destinations have not answered; the next run goes on.",
)
@common
@pass_session
def run(session: Session, once: bool, wait: float | None) -> int:  # noqa: FBT001  click's signature
    """Take files and send their rows on until stopped.

    Changed settings are taken up without a restart; faulty ones are refused and the old kept. SIGTERM and Ctrl-C stop
    at a safe point, and the next start goes on there. With --once the exit code is the highest that a run, a source
    or a destination of this drain deserves; files that wait for others of their set are still under way.

    Example: gateway run --once
    """
    loaded = load_settings(session.config)
    logs.configure(json_lines=session.json or not sys.stderr.isatty())
    runner = _Runner()
    with runner.signals(), _quiet_threads(runner):
        if not once:
            return runner.forever(loaded)
        facts, code = runner.drain(loaded, wait)
    if session.json:
        view.emit({**facts, "exit": int(code)})
    else:
        print_runs("Runs", facts["runs"])
        print_refused("Files that were not taken", facts["refused"])
        print_sets(facts["sets"])
        if not any(facts.values()):
            click.echo("No file came.")
    return code


class _Runner:
    """One process that runs a gateway, and another one whenever the settings change."""

    def __init__(self) -> None:
        self._gateway: Gateway | None = None
        self._ended = threading.Event()
        self._seen = 0
        self._log = structlog.get_logger("gateway")
        self.failure: BaseException | None = None

    # ---- until stopped

    def forever(self, loaded: Loaded) -> int:
        """Serve until a signal comes."""
        gateway = self._serving(loaded)
        while True:
            watch = SettingsWatch(gateway.loaded)
            found = self._serve(gateway, watch)
            gateway.close()
            if found is None or self._ended.is_set():
                break
            gateway = self._reopen(found, gateway.loaded)
        if self.failure is not None:
            raise self.failure
        self._log.info("gateway stopped")
        return Exit.WELL

    def _serve(self, gateway: Gateway, watch: SettingsWatch) -> Loaded | None:
        found: list[Loaded] = []

        def look() -> bool:
            self._tell(gateway)
            fresh = watch.changed()
            if fresh is not None:
                found.append(fresh)
                gateway.service.stop()
            return fresh is not None

        gateway.service.reload = look
        gateway.service.run()
        self._tell(gateway)
        return found[-1] if found else None

    def _reopen(self, fresh: Loaded, old: Loaded) -> Gateway:
        try:
            gateway = self._serving(fresh)
        except (GatewayError, OSError) as error:
            if not isinstance(error, GatewayError) and not no_room(error):
                raise
            self._log.error("settings refused", said=str(error))
            self._log.warning("old settings kept", settings=str(old.path))
            return self._serving(old)
        self._log.info("settings taken up", settings=str(fresh.path))
        return gateway

    def _serving(self, loaded: Loaded) -> Gateway:
        """Open a gateway that also receives webhooks, where its settings say so."""
        gateway = self._open(loaded)
        if gateway.receiver is None:
            return gateway
        try:
            gateway.listen()
        except GatewayError:
            gateway.close()
            raise
        self._log.info("receiving webhooks", at=gateway.receiver.url)
        return gateway

    # ---- once

    def drain(self, loaded: Loaded, wait: float | None) -> tuple[dict[str, list[dict[str, Any]]], Exit]:
        """Do what can be done now; returns the code that all deserves, and for machines what that is.

        `runs`: those concerned; `refused`: files that came to none; `sets`: files that wait for others.
        """
        gateway = self._open(loaded)
        clock = SystemClock()
        started = clock.now()
        try:
            mark = gateway.operations.mark()

            def look() -> bool:
                self._tell(gateway)
                late = wait is not None and (clock.now() - started).total_seconds() >= wait
                if late or self._hopeless(gateway, started, clock.now()):
                    gateway.service.stop()
                return False

            gateway.service.reload = look
            gateway.service.drain()
            self._tell(gateway)
            rows = gateway.operations.runs_since(mark)
            facts = {
                "runs": [facts_of(row) for row in rows],
                "refused": [refusal_facts(one) for one in gateway.operations.refusals_since(mark)],
                "sets": [asdict(one) for one in gateway.operations.sets()],
            }
            return facts, self._deserved(gateway, mark)
        finally:
            for source in gateway.service.sources.values():
                source.close()
            gateway.close()

    def _hopeless(self, gateway: Gateway, started: datetime, now: datetime) -> bool:
        """Whether everything left waits for destinations out of reach for long, counted from the start of the drain."""
        busy = [one for one in gateway.operations.lanes() if one.waiting_runs or one.open_batches or one.unsent_batches]
        long_ago = now - timedelta(seconds=PATIENCE)
        return bool(busy) and all(one.trouble and max(one.trouble_since, started) <= long_ago for one in busy)

    def _deserved(self, gateway: Gateway, mark: Mark) -> Exit:
        operations = gateway.operations
        codes = [of_run(row) for row in operations.runs_since(mark)]
        codes.extend(Exit.FILE for _ in operations.refused_since(mark))
        codes.extend(of_refusal(one) for one in operations.refusals_since(mark))
        codes.extend(Exit.OPEN for _ in operations.sets())
        sick = [one for one in operations.lanes() if one.trouble and (one.waiting_runs or one.unsent_batches)]
        lanes = {one.name for one in sick}
        out_of_reach = any(
            event.kind == "trouble" and (event.subject.startswith(_OURS) or event.subject in lanes)
            for event in operations.events_since(mark.event)
        )
        if sick or out_of_reach:
            stuck = {
                row.id for row in operations.runs_since(mark)
                if row.state == "waiting" and any(leg.lane in lanes for leg in operations.legs(row.id))
            }  # fmt: skip
            codes = [of_run(row) for row in operations.runs_since(mark) if row.id not in stuck]
            codes.append(Exit.UNREACHABLE)
        if any(event.kind == "setup" for event in operations.events_since(mark.event)):
            codes.append(Exit.UNREACHABLE)
        return highest(codes)

    # ---- both

    def _open(self, loaded: Loaded) -> Gateway:
        gateway = wire(loaded)
        try:
            gateway.hold()
        except GatewayError:
            gateway.close()
            raise
        self._gateway = gateway
        if self._ended.is_set():  # the signal came before there was anything to stop
            gateway.service.stop()
        self._seen = gateway.operations.mark().event
        self._log.info(
            "gateway started", settings=str(loaded.path), state=str(loaded.settings.state),
            sources=list(loaded.sources), routes=list(loaded.routes), destinations=list(loaded.destinations),
        )  # fmt: skip
        return gateway

    def _tell(self, gateway: Gateway) -> None:
        """Log what the journal has noted since the last look."""
        for event in gateway.operations.events_since(self._seen):
            self._seen = event.id
            say = self._log.warning if event.kind in _LOUD else self._log.info
            say = self._log.error if event.kind == _FAULT else say
            say(event.kind, about=event.subject, said=event.text)

    def stop(self) -> None:
        """End at a safe point."""
        self._ended.set()
        if self._gateway is not None:
            self._gateway.service.stop()

    @contextmanager
    def signals(self) -> Iterator[None]:
        """Stop on SIGTERM and SIGINT while inside."""

        def ask(number: int, frame: FrameType | None) -> None:
            del number, frame
            # Not in the handler itself: the main thread may hold the very lock that `stop` takes.
            threading.Thread(target=self.stop, name="stop").start()

        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.signal(number, ask) for number in (signal.SIGTERM, signal.SIGINT)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


@contextmanager
def _quiet_threads(runner: _Runner) -> Iterator[None]:
    """Keep a thread's failure for the end of the command instead of a traceback on the screen."""

    def keep(failed: threading.ExceptHookArgs) -> None:
        runner.failure = failed.exc_value
        runner.stop()

    before = threading.excepthook
    threading.excepthook = keep
    try:
        yield
    finally:
        threading.excepthook = before
