"""What we must not forget: arrivals, runs, lanes, consignments, batches, answers (SQLAlchemy Core)."""

from gateway.journal.store import Journal, make_state, open_journal

__all__ = ["Journal", "make_state", "open_journal"]
