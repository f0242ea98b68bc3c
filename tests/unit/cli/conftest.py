"""A folder with the starter, quick sources, and a way to call the command line in it."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import structlog
from click.testing import CliRunner, Result

from gateway.cli import main
from gateway.testing import texts
from gateway.twin.sellerscommerce import Account, SellersCommerceTwin, SellersCommerceTwinSettings

Call = Callable[..., Result]


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.delenv("GATEWAY_CONFIG", raising=False)
    monkeypatch.delenv("GATEWAY_DEBUG", raising=False)
    hook = threading.excepthook
    yield
    assert threading.excepthook is hook
    structlog.reset_defaults()


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder; it is the current one."""
    texts.begun(tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def call() -> Call:
    """Return a function that runs one command."""

    def run(*args: str, stdin: str | None = None) -> Result:
        return CliRunner().invoke(main, list(args), input=stdin)

    return run


KEYS = Account("cli-user", "cli-secret")


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Iterator[SellersCommerceTwin]:
    """Return a store with the articles A0 to A2; its keys stand in the environment."""
    monkeypatch.setenv("SC_USER", KEYS.access_key)
    monkeypatch.setenv("SC_SECRET", KEYS.shared_secret)
    with SellersCommerceTwin(settings=SellersCommerceTwinSettings(accounts=(KEYS,))) as twin:
        for number in range(3):
            twin.put_sku(f"A{number}", stock=1, price="5")
        yield twin
        assert twin.violations == []


@pytest.fixture
def add(place: Path) -> Callable[..., None]:
    """Return a function that adds tables to the settings, and mappings by their names."""

    def added(*tables: str, **mappings: str) -> None:
        path = place / "gateway.toml"
        path.write_text("\n".join((path.read_text("utf-8"), *tables)), "utf-8")
        texts.folders(place, **mappings)

    return added


def drop(place: Path, name: str, rows: str, header: str = "Article;Stock;Warehouse\n") -> Path:
    """Put a stock file into the inbox."""
    path = place / "inbox" / name
    path.write_text(header + rows, "utf-8")
    return path


@pytest.fixture
def dropped(place: Path) -> Callable[..., Path]:
    """Return a function that puts a stock file into the inbox."""
    return lambda name, rows, **options: drop(place, name, rows, **options)


@pytest.fixture
def held(place: Path, call: Call) -> str:
    """Return the id of a run the guard holds: a full file far smaller than the last."""
    settings = place / "gateway.toml"
    settings.write_text(settings.read_text().replace('mode = "delta"', 'mode = "full"'))
    drop(place, "stock_1.csv", "".join(f"A{n};5;\n" for n in range(10)))
    assert call("run", "--once").exit_code == 0
    drop(place, "stock_2.csv", "A1;6;\nA2;6;\n")
    assert call("run", "--once").exit_code == 5
    return run_id(place, "stock_2.csv")


def run_id(place: Path, name: str) -> str:
    """Return the run of a file by its acknowledgement."""
    return next((place / "outbox" / "acme").glob(f"{name}.*.ack.json")).name.removeprefix(f"{name}.").split(".")[0]
