"""Partner columns to contract fields in canonical text: one TOML per feed, compiled once to column operations.

It knows no contract rule and no destination; the contract never parses formats.
"""

from gateway.mapping.alone import reading_layout, standing_alone
from gateway.mapping.applier import Applier
from gateway.mapping.compiler import compile_mapping
from gateway.mapping.field import FieldSpec
from gateway.mapping.load import check_fields, load_mapping, schema
from gateway.mapping.plan import Origin
from gateway.mapping.spec import Group, MappingFile

__all__ = [
    "Applier",
    "FieldSpec",
    "Group",
    "MappingFile",
    "Origin",
    "check_fields",
    "compile_mapping",
    "load_mapping",
    "reading_layout",
    "schema",
    "standing_alone",
]
