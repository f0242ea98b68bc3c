"""The account behind a key: whether it is the shop and currency the settings speak of.

Source: Mirakl seller API documentation, A01 (fields verified); it may be asked for about once a day, so what it said is
kept, and compared with the settings as they are now.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

from gateway.destinations.mirakl import platform
from gateway.destinations.mirakl.calls import Api, Calls
from gateway.destinations.mirakl.platform import Account
from gateway.destinations.mirakl.settings import MiraklSettings
from gateway.errors import Refused, Throttled
from gateway.model import Facts

_FACT = "account"
_API = Api("A01", "/api/account")
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Seen:
    """What the account said, and when."""

    account: Account
    at: datetime

    def age(self, now: datetime) -> str:
        """Say when that was; "" for just now."""
        gone = now - self.at
        if gone < timedelta(minutes=1):
            return ""
        when = f"{self.at:%Y-%m-%d %H:%M} UTC"
        return when if gone >= _DAY else f"{when}, {gone.total_seconds() / 3600:.1f} hours ago"


class AccountKnown:
    """Reads the account and compares it. `facts`: what outlasts this process."""

    def __init__(self, calls: Calls, settings: MiraklSettings, name: str) -> None:
        self._calls = calls
        self._settings = settings
        self._name = name
        self._compared = False
        self.facts: Facts | None = None

    def ask(self) -> Seen | None:
        """Ask, or return what it said last where it may not be asked now; None where nobody knows that.

        Raises what the transport raises but Throttled.
        """
        try:
            account = platform.account(self._calls.read(_API))
        except Throttled:
            return self._kept()
        seen = Seen(account, self._calls.clock.now())
        if self.facts is not None:
            self.facts.put(_FACT, json.dumps({"at": seen.at.isoformat(), "of": self._asked(), **asdict(account)}))
        return seen

    def _kept(self) -> Seen | None:
        text = None if self.facts is None else self.facts.get(_FACT)
        if text is None:
            return None
        said = json.loads(text)
        if said["of"] != self._asked():
            return None  # the settings name another shop by now
        return Seen(Account(**{name: said[name] for name in Account.__slots__}), datetime.fromisoformat(said["at"]))

    def _asked(self) -> str:
        return f"{self._settings.host} {self._settings.shop_id}"

    def compare(self, seen: Seen) -> None:
        """Raise Refused where the account is not the one the settings speak of."""
        age = seen.age(self._calls.clock.now())
        when = f" (as it said on {age})" if age else ""
        wanted, account = self._settings.shop_id, seen.account
        if wanted is not None and account.shop_id != str(wanted):
            raise Refused(
                f"{self._name}: the key opens shop {account.shop_id}, the settings say {wanted}{when}.",
                fix="Correct shop_id or take the key of that shop.",
                status="shop",
            )
        currency = self._settings.currency
        if currency is not None and account.currency is not None and account.currency != currency:
            raise Refused(
                f"{self._name}: the shop sells in {account.currency}, the settings say {currency}{when}.",
                fix="Correct currency: prices would be taken as if they were in the shop's.",
                status="currency",
            )

    def uncompared(self, seen: Seen) -> str:
        """Say that the currency was not compared, why, and what to do; "" where it was, or where nothing is priced."""
        wanted, theirs = self._settings.currency, seen.account.currency
        if wanted is not None and theirs is None:
            look = "the account names none; look it up in the back office"
            return f"its currency was not compared with {wanted} of the settings: {look}"
        if wanted is not None or self._settings.price_basis is None:
            return ""
        if theirs is None:
            both = "neither the account nor the settings name one"
            return f"its currency was not compared: {both}; look it up in the back office and set currency"
        mend = f'set currency = "{theirs}", or every row with a price must name it'
        return f"its currency, {theirs}, was not compared: the settings name none; {mend}"

    def know(self) -> None:
        """Compare the account once, before anything is priced. Raises Refused where it is not the one meant."""
        if self._compared:
            return
        try:
            seen = self.ask()
        except Refused as error:
            if error.status != "403":
                raise
            seen = None  # the key may not read it: nothing can be compared
        if seen is not None:
            self.compare(seen)
        self._compared = True
