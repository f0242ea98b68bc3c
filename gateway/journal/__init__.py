"""What we must not forget: arrivals, runs, lanes, consignments, batches, answers (SQLAlchemy Core)."""

from gateway.journal.store import Journal, open_journal

__all__ = ["Journal", "open_journal"]
