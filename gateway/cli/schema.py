"""`schema`: JSON Schemas for editors and partners."""

from __future__ import annotations

import click

from gateway.cli import view
from gateway.cli.session import Exit, Session, common, pass_session
from gateway.contracts import contracts
from gateway.errors import SettingsError
from gateway.formats.sections import unknown
from gateway.mapping import schema as mapping_schema
from gateway.settings.schema import settings_schema


@click.command()
@click.argument("name")
@common
@pass_session
def schema(session: Session, name: str) -> int:
    """Print the JSON Schema of settings, mappings or a contract.

    NAME is `settings`, `mapping` or the name of a contract, like stock.

    Example: gateway schema mapping
    """
    del session
    agreed = {one.name: one for one in contracts()}
    if name == "settings":
        view.emit(settings_schema())
    elif name == "mapping":
        view.emit(mapping_schema())
    elif name in agreed:
        view.emit(agreed[name].json_schema())
    else:
        raise SettingsError(f"{unknown(name, ['settings', 'mapping', *agreed], 'schema')}.")
    return Exit.WELL
