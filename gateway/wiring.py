"""The composition root: settings to objects; the only place where wrappers are stacked."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable
from urllib.parse import urlsplit

import orjson
from filelock import FileLock, Timeout
from pydantic import BaseModel

from gateway.clock import SystemClock
from gateway.contracts import contract
from gateway.delivery import book
from gateway.delivery.baseline import sweep
from gateway.delivery.build import Builder
from gateway.delivery.hear import Hearer, expect
from gateway.delivery.lane import Delivery
from gateway.delivery.send import Sender
from gateway.delivery.settle import Settler
from gateway.delivery.setup import Leg, Target, leg_of, with_prefix
from gateway.destinations import destinations
from gateway.dispatch.local import LocalDispatcher
from gateway.errors import SettingsError, WillNeverWork
from gateway.formats.layout import Layout
from gateway.journal import Journal, open_journal, runs
from gateway.mapping import check_fields, load_mapping
from gateway.model import Clock, Destination, Operation, Remembering, Source, Table
from gateway.operations import Operations
from gateway.outbox import Outbox
from gateway.pipeline import Intake, RouteSetup, merged
from gateway.pipeline.judge import Judged, check_file
from gateway.pipeline.ours import told_run
from gateway.pipeline.plan import Plan, plan_file
from gateway.readers import reader_for
from gateway.routes import Route
from gateway.service import Service
from gateway.settings import Loaded, LoadedRoute, LocalSettings, SftpSettings, WebSettings
from gateway.sources.handling import Handling
from gateway.sources.local import LocalSource
from gateway.spool import Spool
from gateway.transport.hook import Hook
from gateway.transport.http import Request, Response, connect

if TYPE_CHECKING:
    from gateway.web.server import WebServer


@dataclass(frozen=True, slots=True)
class Gateway:
    """A wired gateway. `service` needs the lock of the state folder; `operations` does not."""

    loaded: Loaded
    journal: Journal
    service: Service
    operations: Operations
    destinations: Mapping[str, Destination]
    routes: Mapping[str, RouteSetup]
    lock: FileLock
    receiver: WebServer | None = None
    """Where webhooks are received; None where the settings have no [web]."""

    def listen(self) -> None:
        """Receive webhooks from now on. Raises SettingsError when the address is taken."""
        if self.receiver is not None:
            expect(self.journal, merged(tuple(self.routes.values())).values())
            self.receiver.start()

    def hold(self) -> None:
        """Take the state folder for this process. Raises SettingsError when another gateway runs on it."""
        try:
            self.lock.acquire(timeout=0)
        except Timeout as error:
            raise SettingsError(
                f"Another gateway is running on the state folder {self.loaded.settings.state}.",
                fix="Stop it, or give this one a state folder of its own.",
            ) from error
        sweep(self.journal, self.service.spool)
        book.sweep(self.journal, self.service.spool)

    def close(self) -> None:
        """Give everything back."""
        if self.receiver is not None:
            self.receiver.stop()
        for destination in self.destinations.values():
            destination.close()
        self.journal.close()
        self.lock.release()


def wire(loaded: Loaded, *, clock: Clock | None = None) -> Gateway:
    """Build the gateway that gateway.toml describes. Raises SettingsError."""
    clock = clock or SystemClock()
    state = loaded.settings.state
    journal = open_journal(state, clock)
    spool = Spool(state)
    spool.make()
    targets = {
        name: Target(name, _destination(name, *spec, clock, journal), _version(*spec))
        for name, spec in loaded.destinations.items()
    }
    routes = {name: _route_setup(_kept(one, state), targets) for name, one in loaded.routes.items()}
    return _assemble(loaded, journal, spool, targets, routes, clock)


def _assemble(
    loaded: Loaded,
    journal: Journal,
    spool: Spool,
    targets: Mapping[str, Target],
    routes: Mapping[str, RouteSetup],
    clock: Clock,
) -> Gateway:
    outbox = Outbox(loaded.settings.outbox, journal)
    settler = Settler(journal, spool, outbox, _read, _layout)
    lanes = merged(tuple(routes.values()))
    intake = Intake(
        journal, spool, outbox, settler, _read,
        lambda source: [one for one in routes.values() if one.route.source == source], _partners(loaded),
    )  # fmt: skip
    web = loaded.settings.web or WebSettings()
    sender = Sender(journal, spool, Hearer(journal, timedelta(days=web.keep_days)))
    delivery = Delivery(journal, Builder(journal, spool), sender, settler, lanes, intake.run_ended)

    def due() -> list[str]:
        with journal.read() as tx:
            return runs.due_lanes(tx, clock.now())

    sources = {name: _source(name, one, journal, clock) for name, one in loaded.sources.items()}
    service = Service(
        journal=journal, spool=spool, outbox=outbox, intake=intake, delivery=delivery,
        dispatcher=LocalDispatcher(clock, due, workers=loaded.settings.workers), sources=sources,
        scan_every={name: one.every for name, one in loaded.sources.items()}, clock=clock,
    )  # fmt: skip
    lock = FileLock(loaded.settings.state / "lock")
    built = {name: one.destination for name, one in targets.items()}
    receiver = _receiver(loaded, journal, service.dispatcher.wake)
    return Gateway(loaded, journal, service, Operations(journal, spool, settler), built, routes, lock, receiver)


def _receiver(loaded: Loaded, journal: Journal, wake: Callable[[str], None]) -> WebServer | None:
    """Build the receiver of webhooks: every destination whose settings name a hook has one."""
    web = loaded.settings.web
    if web is None:
        return None
    hooks: dict[str, Hook] = {}
    for name, (_, settings) in loaded.destinations.items():
        hook: Callable[[], Hook | None] | None = getattr(settings, "hook", None)
        made = None if hook is None else hook()
        if made is not None:
            hooks[name] = made
    from gateway.web.app import Limits, Receiver  # noqa: PLC0415  the web server loads only where one is wanted
    from gateway.web.server import WebServer  # noqa: PLC0415  likewise

    limits = Limits(web.max_body, web.backlog, timedelta(days=web.keep_days))
    app = Receiver(journal, hooks, wake, limits).app()
    return WebServer(app, web.listen, web.port, patience=web.timeout, connections=web.connections)


@contextmanager
def open_operations(loaded: Loaded, *, clock: Clock | None = None) -> Iterator[Operations]:
    """Open what people do, without sources and destinations: safe beside a running gateway. Raises SettingsError."""
    state = loaded.settings.state
    journal = open_journal(state, clock or SystemClock())
    spool = Spool(state)
    spool.make()
    settler = Settler(journal, spool, Outbox(loaded.settings.outbox, journal), _read, _layout)
    try:
        yield Operations(journal, spool, settler)
    finally:
        journal.close()


@contextmanager
def reach(loaded: Loaded, name: str) -> Iterator[Destination]:
    """Open one destination by itself: safe beside a running gateway. Raises SettingsError; KeyError for its name."""
    clock = SystemClock()
    journal = open_journal(loaded.settings.state, clock)
    with closing(journal), closing(_destination(name, *loaded.destinations[name], clock, journal)) as there:
        yield there


# ---- judging and planning: no state is changed, nothing is called


class _NoCalls:
    """model's transport seam for judging and planning."""

    def send(self, request: Request) -> Response:
        """Refuse: nothing may leave."""
        raise WillNeverWork(f"A call of {request.path} was about to leave while a file was only judged.")

    def close(self) -> None:
        """Nothing is held open."""


def offline(loaded: Loaded, route: str, *, clock: Clock | None = None) -> RouteSetup:
    """Set up one route with a destination that can't call anybody. Raises KeyError for an unknown route."""
    one = loaded.routes[route]
    name = one.route.destination
    kind, settings = loaded.destinations[name]
    made = destinations()[kind](settings, transport=_NoCalls(), clock=clock or SystemClock(), account=name, name=name)
    return _route_setup(one, {name: Target(name, made, _version(kind, settings))})


def contract_only(mapping: Path, *, clock: Clock | None = None) -> RouteSetup:
    """Set up a mapping without a route: only its contract judges. Raises SettingsError."""
    file = load_mapping(mapping)
    agreed = contract(file.contract)
    check_fields(file, (*agreed.fields, *filter(agreed.has, file.fields)))
    made = destinations()["files"]
    settings = made.SPEC.settings(folder=mapping.parent, format="json", contract=agreed.name)
    there = made(settings, clock=clock or SystemClock(), account="nobody", name="nobody")
    route = Route(
        name=mapping.stem, source="", files=("*",), mapping=mapping.name, contract=agreed.name, feed=agreed.name,
        destination="nobody", partner=mapping.stem, owner=mapping.stem,
    )  # fmt: skip
    return RouteSetup(
        route, mapping, agreed, Target("nobody", there), (Leg("nobody", there.operations[0], agreed.key),)
    )


def failed_rows_of(file: Path, loaded: Loaded) -> str | None:
    """Return the run whose failed rows a file brings back; None for one that is no errors file of ours."""
    return told_run(file, file.name, _read, dict.fromkeys(one.mapping.path for one in loaded.routes.values()))


def judge(
    file: Path,
    setup: RouteSetup,
    work: Path,
    *,
    clock: Clock | None = None,
    progress: Callable[[int], None] | None = None,
) -> Judged:
    """Judge a file; see `check_file`."""
    return check_file(file, setup, _read, work, now=(clock or SystemClock()).now(), progress=progress)


def plan(file: Path, setup: RouteSetup, loaded: Loaded, *, work: Path, out: Path, clock: Clock | None = None) -> Plan:
    """Plan what would be sent of a file; see `plan_file`."""
    state = loaded.settings.state
    return plan_file(file, setup, _read, _layout, state=state, work=work, out=out, clock=clock or SystemClock())


def _partners(loaded: Loaded) -> Callable[[str], tuple[str, bool]]:
    def of(source: str) -> tuple[str, bool]:
        one = loaded.sources.get(source)
        return (source, False) if one is None else (one.partner or source, one.answers is not None)

    return of


def _read(path: Path, layout: BaseModel) -> Iterator[Table]:
    return reader_for(layout).tables(path, layout)


def _layout(path: Path) -> Layout:
    return load_mapping(path).format


def _route_setup(one: LoadedRoute, targets: Mapping[str, Target]) -> RouteSetup:
    target = targets[one.route.destination]
    written = {(o.name, o.contract): o for o in target.destination.operations}  # these may be scaled, the loaded not
    legs = tuple(_leg(one, written[o.name, o.contract], target.destination.operations) for o in one.operations)
    return RouteSetup(one.route, one.mapping.path, one.contract, target, legs)


def _leg(one: LoadedRoute, operation: Operation, written: Sequence[Operation]) -> Leg:
    if one.keys is not None:
        operation = with_prefix(operation, one.contract, one.keys)
    return leg_of(operation, one.contract.key, one.lane, written)


def _version(kind: str, settings: BaseModel) -> str:
    """Kind of a destination and a digest of its settings; secrets are masked before they are digested."""
    return f"{kind} {hashlib.sha256(settings.model_dump_json().encode()).hexdigest()[:12]}"


def _kept(one: LoadedRoute, state: Path) -> LoadedRoute:
    """Run on a copy of the mapping: what was checked at the start is what reads files, whatever is edited meanwhile."""
    contents = [(source.relative_to(one.mapping.path.parent), source.read_bytes()) for source in one.mapping.sources]
    digest = hashlib.sha256(b"".join(hashlib.sha256(content).digest() for _, content in contents)).hexdigest()
    home = state / "mappings" / digest[:16]
    for name, content in contents:
        if (home / name).is_file() and (home / name).read_bytes() == content:
            continue  # a start needs no room for what is there
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        part = home / name.with_name(f"{name.name}.part")
        part.write_bytes(content)
        part.replace(home / name)
    return replace(one, mapping=load_mapping(home / one.mapping.path.name))


# ---- destinations


def _destination(name: str, kind: str, settings: BaseModel, clock: Clock, journal: Journal) -> Destination:
    made = destinations()[kind]
    settings = scaled(settings, _announced_speed(settings))
    access = getattr(settings, "access", None)
    reached = None if access is None else access()
    transport = None
    if reached is not None:
        transport = connect(reached, account=name, clock=clock, budget=journal, tokens=journal.tokens())
    built: Destination = made(settings, transport=transport, clock=clock, account=name, name=name)
    if isinstance(built, Remembering):
        built.remember(journal.facts(name))
    return built


_SHORTEST_WINDOW = 10.0
"""Seconds; a call of ours takes as long on a busy machine."""


@runtime_checkable
class Timed(Protocol):
    """Settings whose limits and delays do not all stand at the top."""

    def at_speed(self, speed: float) -> BaseModel:
        """Return the settings with limits and delays shrunk."""
        ...


def scaled(settings: BaseModel, speed: float) -> BaseModel:
    """Shrink a destination's limits and delays by the speed its twin announces; 1.0 changes nothing."""
    if speed == 1.0:
        return settings
    if isinstance(settings, Timed):
        return settings.at_speed(speed)
    timed = [n for n in type(settings).model_fields if n.endswith(("_interval", "deadline", "_window", "known_for"))]
    shrunk = {n: getattr(settings, n) / speed for n in timed}
    # Windows are held against dates, which are real and come in whole seconds, also from a twin.
    windows = {n: max(shrunk[n], min(getattr(settings, n), _SHORTEST_WINDOW)) for n in timed if n.endswith("_window")}
    return settings.model_copy(update=shrunk | windows)


def _announced_speed(settings: BaseModel) -> float:
    """Ask a destination on this machine whether it is a twin, and how fast its clock runs; a real one is 1.0."""
    host = getattr(settings, "host", None)
    folder = getattr(settings, "outbox", None)
    if isinstance(host, str) and urlsplit(host).hostname in {"127.0.0.1", "localhost", "::1"}:
        import httpx  # noqa: PLC0415  only who has a destination on this machine waits for it to load

        try:
            answer = httpx.get(f"{host}/twin", timeout=2.0, trust_env=False)
            return _speed(orjson.loads(answer.content)) if answer.is_success else 1.0
        except (httpx.HTTPError, orjson.JSONDecodeError):
            return 1.0
    if isinstance(folder, Path) and (folder / "twin.json").is_file():
        try:
            return _speed(orjson.loads((folder / "twin.json").read_bytes()))
        except orjson.JSONDecodeError:
            return 1.0
    return 1.0


def _speed(said: Any) -> float:
    speed = said.get("speed") if isinstance(said, dict) else None
    return float(speed) if isinstance(speed, int | float) and speed > 0 else 1.0


# ---- sources


def _source(name: str, one: LocalSettings | SftpSettings, journal: Journal, clock: Clock) -> Source:
    handling = Handling(
        settle=one.settle, after=one.after, claim=one.claim, done_marker=one.done_marker or "",
    )  # fmt: skip
    ledger = journal.ledger()
    if isinstance(one, LocalSettings):
        answers = None if one.answers is None else one.folder / one.answers
        return LocalSource(name, one.folder, handling, ledger=ledger, clock=clock, answers=answers)
    from gateway.sources.sftp import SftpSource  # noqa: PLC0415  paramiko loads only where a source needs it
    from gateway.transport import sftp  # noqa: PLC0415  likewise

    account = sftp.SftpSettings(
        host=one.host, user=one.user, known_hosts=one.known_hosts, port=one.port, password=one.password,
        key_file=one.key_file, passphrase=one.passphrase, connect_timeout=one.connect_timeout,
        read_timeout=one.read_timeout, list_timeout=one.list_timeout, keepalive=int(one.keepalive),
    )  # fmt: skip
    session = sftp.SftpSession(account, clock)
    return SftpSource(name, session, handling, ledger=ledger, clock=clock, folder=one.folder, answers=one.answers)
