"""An office with Sage 50 as the twin plays it: records, batches put into its folder, and answers read."""

import json

from gateway.twin.clock import TwinClock
from gateway.twin.sage import SageTwin, SageTwinSettings

STAMP = "2024-05-02T09:29:58Z"


def record(product="A", stock=5, timestamp=STAMP, **more):
    return {"productId": product, "stock": stock, "timestamp": timestamp, **more}


class Office:
    """A twin moved by hand."""

    def __init__(self, root, state_file=None, **settings):
        self.twin = SageTwin(
            root / "in", root / "out", settings=SageTwinSettings(**settings), clock=TwinClock(), state_file=state_file
        )
        for folder in (self.twin.inbox, self.twin.results):
            folder.mkdir(exist_ok=True)

    def put(self, batch="b-1", *records, name=None):
        path = self.twin.inbox / (name or f"main_productstocks_{batch}_0001.json")
        temporary = path.with_name(f".{path.name}.tmp")
        temporary.write_text(json.dumps(list(records) or [record()]))
        temporary.replace(path)
        return path

    def after(self, seconds):
        self.twin.step()
        self.twin.clock.advance(seconds)
        self.twin.step()

    def answers(self):
        return {path.name: json.loads(path.read_text()) for path in sorted(self.twin.results.iterdir())}

    def work(self):
        """Long enough for reading and answering, in this order."""
        self.after(20)
        self.after(30)


def accepted(key="A", number="SG-000001"):
    return {"originatorIdentifier": key, "state": "accepted", "productIdentifier": number}
