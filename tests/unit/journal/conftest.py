import importlib.util
import os

import pytest
import sqlalchemy as sa

from gateway.journal import open_journal
from gateway.journal import tables as t
from gateway.testing.clock import FakeClock

POSTGRES = "GATEWAY_TEST_POSTGRES"
"""URL of an empty database that tests may wipe, like postgresql+psycopg://user@localhost/scratch."""


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request, tmp_path):
    """Where the journal lies; every table is gone before and after."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'journal.sqlite'}"
        return
    found = os.environ.get(POSTGRES)
    if not found:
        pytest.skip(f"no PostgreSQL server: {POSTGRES} is not set")
    if importlib.util.find_spec("psycopg") is None:
        pytest.skip("psycopg is not installed")
    place = f"test_{os.environ.get('PYTEST_XDIST_WORKER', 'alone')}"  # tests run side by side: a schema for each
    own = f"{found}?options=-csearch_path%3D{place}"
    engine = sa.create_engine(own)
    with engine.begin() as tx:
        tx.execute(sa.text(f"create schema if not exists {place}"))
    t.metadata.drop_all(engine)
    yield own
    t.metadata.drop_all(engine)
    engine.dispose()


@pytest.fixture
def journal(tmp_path, clock, url):
    made = open_journal(tmp_path, clock, url=url)
    yield made
    made.close()
