"""Log lines on stderr: for people on a terminal, JSON otherwise."""

from __future__ import annotations

import logging
import sys

import structlog


def configure(*, json_lines: bool) -> None:
    """Send log lines to stderr, times in UTC; a fault of ours with its trace, which holds no value of a variable."""
    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer(ensure_ascii=False)
        if json_lines
        else structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(), pad_event_to=10, exception_formatter=structlog.dev.plain_traceback
        )
    )
    traces: list[structlog.typing.Processor] = [structlog.processors.format_exc_info] if json_lines else []
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *traces,
            renderer,
        ],
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )
    # What paramiko has to say reaches people as our own errors.
    logging.getLogger("paramiko").addHandler(logging.NullHandler())
