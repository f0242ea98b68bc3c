"""What a twin says when it is up: how it is reached, its pages, and a settings section to paste."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from gateway.twin import mirakl_guide, partner_portal, sellerscommerce_pages
from gateway.twin.mirakl import MiraklTwin
from gateway.twin.partner import PartnerTwin
from gateway.twin.sage_pages import PAGES, SageSite
from gateway.twin.sellerscommerce import SellersCommerceTwin


def mirakl(twin: MiraklTwin) -> list[str]:
    """Return what is to be known of a marketplace that runs."""
    section = mirakl_guide.section(twin.settings, twin.url)
    return [*mirakl_guide.guide(twin.settings), *_pasted(section, {"TWIN_KEY": twin.settings.keys[0].key})]


def partner(twin: PartnerTwin, known_hosts: str, price: str) -> list[str]:
    """Return what is to be known of a platform of the Partner API that runs; `price`: of what it began with."""
    chain = twin.settings.chains[0]
    vendors = ", ".join(f"{vendor.vendor_id} ({vendor.timezone})" for vendor in chain.vendors)
    login, token = chain.logins[0], chain.tokens[0].value
    return [
        f"token {token}, chain {chain.chain_id}, vendors with their time zones: {vendors}",
        f"SFTP user {login.user}, password {login.password}, host key in {known_hosts}",
        _pages(partner_portal.SHOWN),
        f"webhook: POST /twin/webhook {partner_portal.SETS['webhook']}",
        f"articles of --offers stand at every vendor with the price {price}",
        *_pasted(partner_portal.section(twin.settings, twin.url), {"TWIN_TOKEN": token}),
    ]


def sellerscommerce(twin: SellersCommerceTwin) -> list[str]:
    """Return what is to be known of a Sellers Commerce store that runs."""
    account = twin.settings.accounts[0]
    secrets = {"TWIN_ACCESS_KEY": account.access_key, "TWIN_SHARED_SECRET": account.shared_secret}
    return [
        f"Access Key {account.access_key}, Shared Secret Key {account.shared_secret}",
        _pages(sellerscommerce_pages.SHOWN),
        *_pasted(sellerscommerce_pages.section(twin.url), secrets),
    ]


def sage(site: SageSite, state: str) -> list[str]:
    """Return what is to be known of a Sage 50 installation that runs; `state`: the file of what it holds."""
    what = "an amount" if site.twin.settings.bare_discount == "amount" else "a rate"
    return [
        f"answers appear in {site.twin.results}, what it holds is kept in {state}",
        f"a special price's discount without % is {what} to it (--bare-discount)",
        _pages(PAGES, site.url),
        *_pasted(site.section(), {}),
    ]


def _pages(names: Sequence[str] | Mapping[str, object], url: str = "") -> str:
    shown = ", ".join(f"/twin/{name}" for name in names)
    return f"pages{f' at {url}' if url else ''}: /twin (all this for machines), {shown}"


def _pasted(section: Sequence[str], secrets: Mapping[str, str]) -> list[str]:
    """Return a settings section below the words that belong to it."""
    words = " and ".join(f"{name}={value}" for name, value in secrets.items())
    return [f"settings for it{f', with {words} in the environment' if words else ''}:", *(f"    {x}" for x in section)]
