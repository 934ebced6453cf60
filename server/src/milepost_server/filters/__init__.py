"""The filter and order language of all lists: text in, typed syntax tree out. See `docs/filters.md`.

Storage compiles the tree to SQL; nothing here knows of databases.
"""

from milepost_server.filters.ast import (
    And,
    Attribute,
    Comparison,
    DatasetField,
    Expression,
    In,
    IsNull,
    Match,
    Metric,
    Not,
    Operand,
    Or,
    OrderKey,
    Param,
    Tag,
    Value,
    ValueKind,
)
from milepost_server.filters.parser import parse_column, parse_filter, parse_order_by
from milepost_server.filters.schema import (
    EXPERIMENTS,
    LOGGED_MODELS,
    MODEL_VERSIONS,
    REGISTERED_MODELS,
    RUNS,
    Family,
    Schema,
)

__all__ = [
    "EXPERIMENTS",
    "LOGGED_MODELS",
    "MODEL_VERSIONS",
    "REGISTERED_MODELS",
    "RUNS",
    "And",
    "Attribute",
    "Comparison",
    "DatasetField",
    "Expression",
    "Family",
    "In",
    "IsNull",
    "Match",
    "Metric",
    "Not",
    "Operand",
    "Or",
    "OrderKey",
    "Param",
    "Schema",
    "Tag",
    "Value",
    "ValueKind",
    "parse_column",
    "parse_filter",
    "parse_order_by",
]
