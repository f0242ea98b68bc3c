"""Tables of settings for every kind of destination, to which a fault is added."""

from __future__ import annotations

TABLES = {
    "sources.acme": 'kind = "local"\nfolder = "inbox"\n',
    "destinations.files": 'kind = "files"\nfolder = "sent"\nformat = "json"\n',
    "routes.stock": 'source = "acme"\nfiles = "*.csv"\nmapping = "stock.toml"\ndestination = "files"\n',
}
FAR = {"sources.far": 'kind = "sftp"\nhost = "h"\nuser = "u"\nkey_file = "k"\nknown_hosts = "h"\n'}
KINDS = {
    "mirakl": 'host = "x.mirakl.net"\napi_key = { env = "SECRET" }\n',
    "sage": 'outbox = "out"\nprofile = "p"\n',
    "sellerscommerce": 'access_key = { env = "SECRET" }\nshared_secret = { env = "SECRET" }\nprice_basis = "net"\n',
    "partner_api": (
        'brand = "foodpanda"\nchannel = "rest"\nchain_id = "c"\n'
        'vendors = { v1 = {} }\ntokens.all = { env = "SECRET" }\n'
    ),
    "files": 'folder = "sent"\nformat = "json"\n',
}


def target(kind, more="", body=None):
    return {"destinations.there": f'kind = "{kind}"\n{KINDS[kind] if body is None else body}{more}'}
