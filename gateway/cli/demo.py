"""`demo`: the whole way on one machine."""

from __future__ import annotations

import click

from gateway.cli.session import Session, common, pass_session
from gateway.demo import run


@click.command()
@common
@pass_session
def demo(session: Session) -> int:
    """Drop the sample files and show what became of every row.

    Starts the stand-ins of Mirakl, Sage 50, Sellers Commerce, the Partner API and an SFTP server on this machine,
    drops the files of samples/ and waits until all are settled; exit code 0 when every file ended as expected.

    Example: gateway demo
    """
    del session
    return int(run(click.echo))
