"""The part of the issue catalogue that tells what we decided about rows: what was overtaken, waits or was left out."""

from __future__ import annotations

from gateway.issues.kinds import IssueKind, error, warning

DECIDED: tuple[IssueKind, ...] = (
    warning("SUPERSEDED", "A newer value of the key was already sent ({detail}).", "Nothing to do."),
    warning(
        "DEST_SAID",
        "To the destination this row is one record with others: what {detail} says was sent for all of them.",
        "See what became of that one.",
    ),
    error(
        "DEST_TOGETHER",
        "To the destination this row is one record with others: what {detail} says stands for all of them, and was not "
        "confirmed.",
        "See what is said of that one. Where something is to be mended, mend it, and send all of them again.",
    ),
    warning("UNCHANGED", "The destination has this value already.", "Nothing to do."),
    warning(
        "PRICE_HIDDEN",
        "Another price is shown for now ({detail}): the lowest of the base price, its lasting discount and the "
        "promotions in force.",
        "Nothing to do.",
    ),
    warning("PROMOTION_OVER", "The promotion was over before it could be shown (at {detail}).", "Check the dates."),
    error(
        "PROMOTION_RUNS",
        "A promotion of this article, under the same promotion_id or the only one, runs with other dates: {detail}.",
        "End that one by a row with command end and these dates; then send what is to run instead.",
    ),
    error(
        "PROMOTION_GONE",
        "The promotion did not come about as the row says: {detail}.",
        "Mend the row and send it again, or send what ran before: it is not taken for unchanged.",
        undone=True,
    ),
    error(
        "PROMOTION_BASE",
        "No price of the article {detail} is known here that could be restored when the promotion ends.",
        "Send the article's price, then the promotion again.",
    ),
    warning("SCHEDULED", "The row waits until {detail}.", "Nothing to do."),
    error("HELD", "The row waits for a person: {detail}.", "Check the file; the operator can release or cancel it."),
    warning("CANCELLED", "The operator cancelled the row ({detail}).", "Ask the operator."),
    warning("SKIPPED", "The mapping leaves the row out: {detail}.", "Nothing to do."),
    error(
        "POLICY",
        "The row is good, but the route sends all rows or none ({detail}).",
        "Mend the faulty rows and send the whole file again.",
    ),
    warning("ABSENT", "The full file left the key out ({detail}).", "Nothing to do if that was meant."),
)
