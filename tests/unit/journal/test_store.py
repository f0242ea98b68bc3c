"""The journal's own promises: versions, moments, budgets, slots, the ledger; on every database it runs on."""

import contextlib
import errno
import itertools
import os
import sqlite3
import stat
from datetime import UTC, datetime, timedelta, timezone

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.exc import StatementError

from gateway.errors import SettingsError, Throttled
from gateway.journal import batches, open_journal
from gateway.journal import tables as t
from gateway.model import Arrival
from gateway.testing.clock import FakeClock

NOW = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
shared = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=40)


def stored(journal, at):
    with journal.begin() as tx:
        tx.execute(sa.delete(t.token))
        tx.execute(sa.insert(t.token).values(name="x", value="", expires_at=at))
    with journal.read() as tx:
        return tx.scalar(sa.select(t.token.c.expires_at))


def test_what_a_destination_was_told_outlasts_its_process_and_is_its_own(journal):
    facts, other = journal.facts("shop"), journal.facts("other")
    assert facts.get("account") is None
    facts.put("account", "one")
    facts.put("account", "two")
    other.put("account", "three")
    assert (journal.facts("shop").get("account"), other.get("account")) == ("two", "three")
    assert facts.get("platform") is None


class TestMoment:
    @shared
    @given(at=st.datetimes(timezones=st.just(UTC)))
    def test_comes_back_to_the_microsecond(self, journal, at):
        assert stored(journal, at) == at

    def test_is_utc_whatever_zone_it_was_written_in(self, journal):
        there = NOW.astimezone(timezone(timedelta(hours=5, minutes=45)))
        found = stored(journal, there)
        assert (found, found.tzinfo) == (NOW, UTC)

    def test_a_naive_time_is_refused(self, journal):
        with pytest.raises(StatementError, match="naive time"):
            stored(journal, datetime(2026, 1, 1))

    def test_nothing_stays_nothing(self, journal):
        assert stored(journal, None) is None

    @shared
    @given(pair=st.tuples(*[st.datetimes(timezones=st.just(UTC))] * 2))
    def test_the_database_orders_as_time_does(self, journal, pair):
        stored(journal, pair[0])
        with journal.read() as tx:
            found = tx.scalar(sa.select(sa.func.count()).select_from(t.token).where(t.token.c.expires_at < pair[1]))
        assert bool(found) == (pair[0] < pair[1])


class TestVersion:
    def set_to(self, url, version):
        engine = sa.create_engine(url)
        with engine.begin() as tx:
            tx.execute(sa.update(t.meta).where(t.meta.c.name == "version").values(value=str(version)))
        engine.dispose()

    def test_a_fresh_state_has_the_programs_version(self, journal):
        with journal.read() as tx:
            assert tx.scalar(sa.select(t.meta.c.value).where(t.meta.c.name == "version")) == str(t.VERSION)

    @pytest.mark.usefixtures("journal")
    def test_opening_again_is_fine(self, tmp_path, clock, url):
        again = open_journal(tmp_path, clock, url=url)
        again.close()

    @pytest.mark.usefixtures("journal")
    def test_a_newer_state_is_refused_and_left_as_it_is(self, tmp_path, clock, url):
        self.set_to(url, t.VERSION + 1)
        engine = sa.create_engine(url)
        t.token.drop(engine)
        with pytest.raises(SettingsError) as caught:
            open_journal(tmp_path, clock, url=url)
        assert f"state version {t.VERSION + 1}" in str(caught.value)
        assert "Run the newer program" in str(caught.value)
        tables = sa.inspect(engine).get_table_names()
        t.token.create(engine)
        engine.dispose()
        assert "token" not in tables

    def test_a_start_cut_off_before_the_version_was_written_is_made_good(self, journal, tmp_path, clock, url):
        with journal.begin() as tx:
            tx.execute(sa.delete(t.meta))
        again = open_journal(tmp_path, clock, url=url)
        with again.read() as tx:
            assert tx.scalar(sa.select(t.meta.c.value)) == str(t.VERSION)
        again.close()


class TestBudget:
    def test_the_second_call_is_told_how_long_to_wait(self, journal, clock):
        journal.take("shop/STO01", 60)
        clock.advance(15)
        with pytest.raises(Throttled) as caught:
            journal.take("shop/STO01", 60)
        assert caught.value.after == 45
        clock.advance(45)
        journal.take("shop/STO01", 60)

    def test_names_have_budgets_of_their_own(self, journal):
        journal.take("a", 60)
        journal.take("b", 60)

    def test_a_refused_call_costs_nothing(self, journal, clock):
        journal.take("a", 10)
        for _ in range(5):
            clock.advance(1)
            with pytest.raises(Throttled):
                journal.take("a", 10)
        clock.advance(5)
        journal.take("a", 10)

    def test_block_forbids_calls_and_never_shortens_a_wait(self, journal, clock):
        journal.block("a", 60)
        journal.block("a", 1)
        clock.advance(59)
        with pytest.raises(Throttled):
            journal.take("a", 0)
        clock.advance(1)
        journal.take("a", 0)

    def test_it_outlives_the_process(self, journal, tmp_path, clock, url):
        journal.take("a", 60)
        again = open_journal(tmp_path, clock, url=url)
        with pytest.raises(Throttled):
            again.take("a", 60)
        again.close()

    @shared
    @given(
        interval=st.floats(0.5, 100),
        steps=st.lists(st.tuples(st.sampled_from(["take", "take", "take", "block"]), st.floats(0, 80)), max_size=25),
    )
    def test_never_more_calls_than_allowed_in_any_window(self, url, tmp_path, interval, steps):
        clock = FakeClock()
        journal = open_journal(tmp_path, clock, url=url)
        with journal.begin() as tx:
            tx.execute(sa.delete(t.budget))
        calls, blocked = [], []
        for what, seconds in steps:
            clock.advance(seconds)
            if what == "block":
                journal.block("a", seconds)
                blocked.append((clock.now(), clock.now() + timedelta(seconds=seconds)))
                continue
            with contextlib.suppress(Throttled):
                journal.take("a", interval)
                calls.append(clock.now())
        journal.close()
        near = timedelta(microseconds=2)
        apart = [b - a for a, b in itertools.pairwise(calls)]
        assert all(gap >= timedelta(seconds=interval) - near for gap in apart)
        assert not [call for call in calls for begin, end in blocked if begin < call < end - near]


class TestSlots:
    def test_only_one_batch_holds_a_slot(self, journal):
        with journal.begin() as tx:
            assert batches.take_slot(tx, "shop", 1)
            assert batches.take_slot(tx, "shop", 1)
            assert not batches.take_slot(tx, "shop", 2)
            assert batches.take_slot(tx, "other", 2)

    def test_only_the_holder_can_give_it_back(self, journal):
        with journal.begin() as tx:
            batches.take_slot(tx, "shop", 1)
            batches.free_slots(tx, [2])
            assert not batches.take_slot(tx, "shop", 2)
            batches.free_slots(tx, [1])
            assert batches.take_slot(tx, "shop", 2)

    def test_a_batch_without_a_slot_never_waits(self, journal):
        with journal.begin() as tx:
            assert batches.take_slot(tx, "", 1)
            assert batches.take_slot(tx, "", 2)


class TestLedger:
    def test_a_file_is_entered_once_until_it_is_dropped(self, journal):
        ledger, file = journal.ledger(), Arrival("drop", "in/a.csv", 3, NOW)
        token = ledger.take(file)
        assert token is not None
        assert ledger.take(file) is None
        assert ledger.seen("drop") == {("in/a.csv", 3, NOW)}
        ledger.drop(token)
        assert ledger.seen("drop") == set()
        assert ledger.take(file) is not None

    @pytest.mark.parametrize(
        "other",
        [
            Arrival("else", "a.csv", 3, NOW),
            Arrival("drop", "A.csv", 3, NOW),
            Arrival("drop", "a.csv", 4, NOW),
            Arrival("drop", "a.csv", 3, NOW + timedelta(microseconds=1)),
        ],
    )
    def test_source_path_size_and_time_tell_files_apart(self, journal, other):
        ledger = journal.ledger()
        assert ledger.take(Arrival("drop", "a.csv", 3, NOW)) is not None
        assert ledger.take(other) is not None

    def test_it_knows_nothing_of_other_sources(self, journal):
        ledger = journal.ledger()
        ledger.take(Arrival("drop", "a.csv", 3, NOW))
        assert ledger.seen("else") == set()


def test_a_transaction_that_fails_leaves_nothing(journal):
    def fail():
        with journal.begin() as tx:
            journal.note(tx, "x", "test", "was here")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    with journal.read() as tx:
        assert tx.scalar(sa.select(sa.func.count()).select_from(t.event)) == 0


class TestRights:
    """Tokens and signed addresses stand in the state: what makes it lets nobody else in, whatever the umask says."""

    @pytest.fixture(autouse=True)
    def _usual(self):
        before = os.umask(0o022)
        yield
        os.umask(before)

    def test_the_folder_and_all_files_of_the_journal_are_for_their_owner_only(self, tmp_path, clock):
        state = tmp_path / "srv" / "state"
        journal = open_journal(state, clock)
        with journal.begin() as tx:
            tx.execute(sa.insert(t.token).values(name="x", value="secret"))
        found = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (state, *state.iterdir())}
        journal.close()
        assert found == {
            "state": 0o700, "journal.sqlite": 0o600, "journal.sqlite-wal": 0o600, "journal.sqlite-shm": 0o600,
        }  # fmt: skip
        assert stat.S_IMODE(state.parent.stat().st_mode) == 0o755

    def test_a_folder_that_was_there_keeps_its_rights(self, tmp_path, clock):
        tmp_path.chmod(0o750)
        open_journal(tmp_path, clock).close()
        assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o750

    def test_the_library_gives_side_files_the_rights_of_the_database(self, tmp_path):
        path = tmp_path / "x.sqlite"
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT, 0o640))
        with contextlib.closing(sqlite3.connect(path)) as db:
            db.execute("PRAGMA journal_mode=WAL")
            db.execute("CREATE TABLE t (a)")
            assert {stat.S_IMODE(one.stat().st_mode) for one in tmp_path.iterdir()} == {0o640}
            assert len(list(tmp_path.iterdir())) == 3


def test_a_full_disk_is_told_by_the_number_of_the_system_and_nothing_was_written(tmp_path, clock):
    made = open_journal(tmp_path, clock)
    pages = 1  # less than there are: no page more

    def limit(connection):
        connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")

    sa.event.listen(made.engine, "begin", limit)
    text = "x" * 100_000

    def twice():
        with made.begin() as tx:
            made.note(tx, "a", "said", "first")
            made.note(tx, "a", "said", text)

    with pytest.raises(OSError, match="No space left") as caught:
        twice()
    assert caught.value.errno == errno.ENOSPC
    pages = 1_000_000
    with made.begin() as tx:
        assert tx.scalar(sa.select(sa.func.count()).select_from(t.event)) == 0
        made.note(tx, "a", "said", text)
    made.close()


@pytest.mark.parametrize("damage", ["junk", "cut"])
def test_a_file_that_is_no_journal_says_so(tmp_path, clock, damage):
    path = tmp_path / "journal.sqlite"
    open_journal(tmp_path, clock).close()
    path.write_bytes(b"no database" * 1000 if damage == "junk" else path.read_bytes()[:5000])
    with pytest.raises(SettingsError, match="is no journal of a gateway, or it is damaged") as caught:
        open_journal(tmp_path, clock)
    assert str(path) in caught.value.message
    assert "backup" in caught.value.fix


def test_a_state_folder_that_is_a_file_says_so(tmp_path, clock):
    (tmp_path / "state").write_text("", "utf-8")
    with pytest.raises(SettingsError, match="can't be used: File exists"):
        open_journal(tmp_path / "state", clock)
