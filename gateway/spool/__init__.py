"""The spool: folders of runs and consignments, and how they are written."""

from gateway.spool.disk import Keeping, durable, read_block, write_block, write_frame
from gateway.spool.folders import (
    DECISION_SCHEMA,
    EFFECT_SCHEMA,
    LARGE,
    LATE_SCHEMA,
    MANY,
    MEMBER_SCHEMA,
    STATE,
    ConsignmentFolder,
    RunFolder,
    Spool,
)
from gateway.spool.together import GAVE_WAY_SCHEMA, add_gave_way, gave_way

__all__ = [
    "DECISION_SCHEMA",
    "EFFECT_SCHEMA",
    "GAVE_WAY_SCHEMA",
    "LARGE",
    "LATE_SCHEMA",
    "MANY",
    "MEMBER_SCHEMA",
    "STATE",
    "ConsignmentFolder",
    "Keeping",
    "RunFolder",
    "Spool",
    "add_gave_way",
    "durable",
    "gave_way",
    "read_block",
    "write_block",
    "write_frame",
]
