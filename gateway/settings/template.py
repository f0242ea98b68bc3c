"""The starter `gateway init` writes: settings, one mapping, one sample; it works as it stands."""

from __future__ import annotations

import re
import unicodedata

_PARTNER = "acme"
FOLDERS = ("inbox", "outbox", "delivered")
"""Folders of the starter, below its own."""

_SETTINGS = """\
# Settings of this gateway. Paths are relative to this file.
# All keys with their meaning: gateway schema settings. What is wrong with them: gateway doctor
version = 1
state = "state"        # what must not be forgotten: journal and spool; keep it on a local disk
outbox = "outbox"      # the answers: outbox/<partner>/<file>.<run>.result.csv and others
mappings = "mappings"  # one file per partner feed
zone = "Europe/London" # time zone of dates whose mapping names none

# --- where files come from -------------------------------------------------------------------------------------------

[sources.inbox]
kind = "local"
folder = "inbox"
partner = "acme"
every = 5        # seconds between two listings; a change in the folder wakes it sooner
settle = 2       # seconds a file must not have changed before it is taken

# A partner's SFTP account. known_hosts must hold the server's key; secrets stand by reference only.
# [sources.acme_sftp]
# kind = "sftp"
# host = "sftp.example.com"
# user = "gateway"
# key_file = "keys/id_ed25519"        # or: password = { env = "ACME_SFTP_PASSWORD" }
# known_hosts = "keys/known_hosts"
# folder = "in"
# answers = "out"

# --- where rows go ---------------------------------------------------------------------------------------------------

[destinations.erp]
kind = "files"
folder = "delivered"
format = "csv"
fields = ["sku", "quantity", "warehouse"]

# A Mirakl shop:
# [destinations.shop]
# kind = "mirakl"
# host = "marketplace.example.com"    # as pasted from the back office
# api_key = { env = "MIRAKL_API_KEY" }
# shop_id = 2000

# --- which file takes which way --------------------------------------------------------------------------------------

[routes.stock]
source = "inbox"
files = ["stock*.csv"]
mapping = "example.toml"
destination = "erp"
mode = "delta"   # delta: absent rows mean nothing; full: see `absent`
"""

_MAPPING = """\
# How the columns of stock*.csv become fields of the contract `stock`.
# All keys with their meaning: gateway schema mapping. Try it: gateway check stock_example.csv --route stock
contract = "stock"
version = 1

[format]
kind = "csv"
delimiter = ";"
encoding = "utf-8"

[fields]
sku = "Article"                                              # contract field = header of the column
quantity = { column = ["Stock", "Qty"], number = "1,234.5" } # a column may have several names
warehouse = { column = "Warehouse", optional = true }
"""

_SAMPLE = """\
Article;Stock;Warehouse
00123;14;MAIN
00124;0;MAIN
TS-100-XL;1,250;MAIN
"""

_NEXT = """\
# A gateway

    gateway doctor                               # are settings, folders, sources and destinations in order?
    gateway check stock_example.csv              # what would be said of a file? nothing is sent
    gateway plan stock_example.csv --route stock --out planned
    cp stock_example.csv inbox/                  # drop it for real
    gateway run --once                           # take what is there, settle it, stop
    gateway status                               # what happened
    ls outbox/acme delivered                     # the answers, and what was written

`gateway run` without `--once` goes on until it is stopped and takes changed settings up by itself.
"""


def starter(partner: str = _PARTNER) -> dict[str, str]:
    """Return the starter's files: path below its folder to content; files come from `partner`."""
    return {
        "gateway.toml": _SETTINGS.replace(f'partner = "{_PARTNER}"', f'partner = "{partner}"'),
        "mappings/example.toml": _MAPPING,
        "stock_example.csv": _SAMPLE,
        "README.md": _NEXT.replace(f"outbox/{_PARTNER} delivered  ", f"outbox/{partner} delivered  "),
    }


def partner_of(folder: str) -> str:
    """Return a partner's name made of a folder's: ASCII letters, digits, `-`, `_` and dots inside."""
    plain = unicodedata.normalize("NFKD", folder).encode("ascii", "ignore").decode()
    return re.sub(r"[^\w.-]+", "-", plain).strip("-.") or _PARTNER
