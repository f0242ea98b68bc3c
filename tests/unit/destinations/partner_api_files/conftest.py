"""Destinations that put files, with a session that keeps them, and a file with one row."""

from __future__ import annotations

import pytest
from pydantic import SecretStr
from support.partner_files import TOKEN, Session

from gateway.destinations.partner_api import PartnerApiDestination, PartnerApiSettings


@pytest.fixture
def made(tmp_path, clock):
    def build(session=None, calls=None, **more):
        given = {
            "brand": "foodpanda", "channel": "sftp", "sftp_user": "u", "sftp_password": SecretStr("p"),
            "sftp_known_hosts": tmp_path / "known_hosts", "vendors": {"S1": {"id": "v001"}, "S2": {"id": "v002"}},
            "price_basis": "gross", "currency": "EUR", "timezone": "Asia/Karachi", "archive": tmp_path / "sent",
        }  # fmt: skip
        if calls is not None:
            given |= {"chain_id": "c-1", "tokens": {"all": SecretStr(TOKEN)}}
        chosen = PartnerApiSettings(**{**given, **more})
        destination = PartnerApiDestination(chosen, transport=calls, clock=clock, account="acc", name="panda")
        destination._way._drop._session = session or Session()
        return destination

    return build
