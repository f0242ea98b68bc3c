"""A shop whose prices and promotions become one price each: mappings, files, and a rig that is looked at by time."""

from datetime import timedelta

from gateway.contracts.profiles import shown_as_price
from gateway.model import PriceTerms
from gateway.testing.clock import START
from gateway.testing.hostile import Further, read_log
from gateway.testing.texts import mapping

PRICES = mapping(
    "price",
    """sku = "sku"
price = { column = "price", optional = true }
price_basis = { column = "basis", optional = true }
tax_rate = { column = "tax", optional = true }
command = { column = "command", optional = true }
valid_from = { column = "from", optional = true }
""",
)
PROMOTIONS = mapping(
    "promotion",
    """promotion_id = { column = "id", optional = true }
sku = "sku"
brand = { column = "brand", optional = true }
customer_id = { column = "customer", optional = true }
price = { column = "price", optional = true }
price_basis = { constant = "gross" }
percentage = { column = "percentage", optional = true }
amount = { column = "amount", optional = true }
quantity_from = { column = "least", optional = true }
limit_total = { column = "limit", optional = true }
starts_at = { column = "starts", optional = true }
ends_at = { column = "ends", optional = true }
status = { column = "status", optional = true }
command = { column = "command", optional = true }
valid_from = { column = "from", optional = true }
""",
)
BY_AMOUNT = Further(
    name="promote", family="price", contract="promotion", fields=("sku",), wanted="promotion",
    prices=PriceTerms("gross", 2, "EUR", None, ("price", "amount")), requires=shown_as_price(),
)  # fmt: skip


class Shop:
    """A rig with shorthand: hours are counted from the start."""

    def __init__(self, rig, clock):
        self.rig = rig
        self.clock = clock

    def prices(self, *rows, columns="sku,price"):
        names = f"{columns},basis"
        return self.rig.put_new(
            "price", "\n".join([names, *(f"{','.join(map(str, row))},gross" for row in rows)]) + "\n"
        )

    def promotions(self, *rows, columns="sku,price,starts,ends"):
        return self.rig.put_new("promotion", "\n".join([columns, *(",".join(map(str, row)) for row in rows)]) + "\n")

    def sent(self):
        """Return what was sent so far, oldest first."""
        log = read_log(self.rig.destination._settings.log)
        return [(e["sku"], e.get("price")) for one in log for e in one.get("effects", ())]

    def wait_until(self, hour):
        """Move on to an hour after the start as a gateway that sleeps does: to each moment the lane wants."""
        self.rig.glide(START + timedelta(hours=hour))

    def told(self, run):
        return self.rig.results(run).select("state", "code", "detail").rows()

    def states(self, run):
        return self.rig.states(run)
