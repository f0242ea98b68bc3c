"""Asks destinations about open batches; what is wrong with some of them does not keep the answers of all others."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

import structlog

from gateway.errors import GatewayError, MayWorkLater
from gateway.model import Destination, Receipt, Sent
from gateway.pauses import growing

_MOST = 16
"""Questions in a row while one is looked for that can't be asked; and of those known, how many are tried again."""
_LONGEST_PAUSE = 300.0


@dataclass(frozen=True, slots=True)
class Fault:
    """What happens when a batch is asked about. `tries`: how often it happened so far."""

    error: GatewayError
    tries: int

    @property
    def pause(self) -> float:
        """Seconds until it is tried again."""
        return growing(self.tries, first=1.0, longest=_LONGEST_PAUSE)


@dataclass(slots=True)
class Asked:
    """Receipts by batch, faults by batch, and what stopped the questions of the lane that asks, if anything did."""

    answers: dict[int, Receipt] = field(default_factory=dict)
    faults: dict[int, Fault] = field(default_factory=dict)
    changed: set[int] = field(default_factory=set)
    """Batches that had a fault before and have none now, or whose answer tells of other trouble than the last."""
    trouble: GatewayError | None = None


class Asker:
    """Remembers which batches can't be asked about: after a restart they are found again by asking."""

    def __init__(self) -> None:
        self._faults: dict[int, Fault] = {}
        self._troubles: dict[int, str] = {}

    def ask(self, destination: Destination, sent: Sequence[Sent], own: Collection[str]) -> Asked:
        """Ask about batches of one account, all in one where none is known to be at fault. Never raises.

        `own`: operations of the lane that asks. Where others are refused, as where each has a token of its own, that is
        their lanes' trouble.
        """
        told = Asked()
        groups = [[one for one in sent if one.batch_id not in self._faults]]
        groups += [[one] for one in sent if one.batch_id in self._faults][:_MOST]
        asked = 0
        while groups:
            group = groups.pop(0)
            if not group:
                continue
            asked += 1
            try:
                told.answers |= destination.poll(group)
            except GatewayError as error:
                named = dict.fromkeys(one.operation for one in group)
                if isinstance(error, MayWorkLater) or (len(named) == 1 and not named.keys().isdisjoint(own)):
                    told.trouble = error
                    return told
                if len(named) > 1:
                    groups[:0] = [[one for one in group if one.operation == name] for name in named]
                else:
                    self._keep(group, error, told)
            except Exception as error:  # noqa: BLE001  a fault of ours with one batch must not stop its account
                if len(group) > 1 and asked < _MOST:
                    middle = len(group) // 2
                    groups[:0] = [group[:middle], group[middle:]]
                else:
                    self._keep(group, self._failed(group, error), told)
            else:
                told.changed |= {one.batch_id for one in group if self._faults.pop(one.batch_id, None) is not None}
        self._heed(told)
        return told

    def _heed(self, told: Asked) -> None:
        """Remember what answers say of their own trouble."""
        for batch, answer in told.answers.items():
            before = self._troubles.pop(batch, "")
            if answer.trouble != "":
                self._troubles[batch] = answer.trouble
            if answer.trouble != before:
                told.changed.add(batch)

    def over(self, batches: Collection[int]) -> None:
        """Nobody asks about these any more."""
        for one in batches:
            self._faults.pop(one, None)
            self._troubles.pop(one, None)

    def fault(self, batches: Collection[int]) -> GatewayError | None:
        """Return what is wrong with the first of these batches that can't be asked about, or learnt of."""
        for one in sorted(batches):
            if one in self._faults:
                return self._faults[one].error
            if one in self._troubles:
                return GatewayError(self._troubles[one])
        return None

    def _failed(self, group: Sequence[Sent], error: Exception) -> GatewayError:
        """Return what is said of a fault of ours."""
        named = group[0].ticket or f"batch {group[0].batch_id}"
        named = f"the call {named}" + (f" and {len(group) - 1} more" if len(group) > 1 else "")
        if not any(one.batch_id in self._faults for one in group):  # the trace once: it is the same every time
            structlog.get_logger("gateway").exception("a call can't be asked about", calls=named)
        said = f"The program failed when it asked about {named} ({type(error).__name__}: {error})."
        return GatewayError(said, fix="Tell the maintainers; the log has the trace.")

    def _keep(self, group: Sequence[Sent], error: GatewayError, told: Asked) -> None:
        for one in group:
            known = self._faults.get(one.batch_id)
            self._faults[one.batch_id] = told.faults[one.batch_id] = Fault(
                error, 1 if known is None else known.tries + 1
            )
