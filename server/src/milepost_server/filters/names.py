"""From the names in a text to operands."""

from __future__ import annotations

from typing import cast, get_args

from lark import Token

from milepost_server.filters.ast import (
    Attribute,
    DatasetField,
    DatasetFieldName,
    FloatSummary,
    IntegerSummary,
    Metric,
    Operand,
    Param,
    Summary,
    Tag,
    ValueKind,
)
from milepost_server.filters.refusal import either, unexpected
from milepost_server.filters.schema import Family, Schema

_SUMMARIES: tuple[str, ...] = (*get_args(FloatSummary), *get_args(IntegerSummary))
_DATASET_FIELDS: tuple[str, ...] = get_args(DatasetFieldName)


def bare(schema: Schema, name: Token) -> Operand:
    """The operand of an unquoted name: an attribute, or a prefix and a key with a dot between."""
    prefix, dot, key = name.partition(".")
    if not dot:
        return _attribute(schema, name, name)
    return _bare_key(schema, _family(schema, name, prefix), name, key)


def quoted(schema: Schema, name: Token) -> Operand:
    """The attribute of a quoted name without prefix."""
    return _attribute(schema, name, name[1:-1])


def prefixed(schema: Schema, prefix: Token, key: Token, summary: Token | None) -> Operand:
    """The operand of a prefix and a key of which one at least is quoted."""
    family = _family(schema, prefix, prefix[:-1].strip('`"'))
    bare_key = key.type == "NAME"
    operand = _bare_key(schema, family, key, str(key)) if bare_key else _operand(schema, family, key, key[1:-1])
    if summary is None:
        return operand
    if not isinstance(operand, Metric) or bare_key or not schema.summaries:
        raise unexpected(summary, "an operator", after=key)
    if summary[1:] not in _SUMMARIES:
        raise unexpected(summary, either([f".{word}" for word in _SUMMARIES]), after=key)
    return Metric(operand.key, cast("Summary", summary[1:]))


def sortable(schema: Schema) -> str:
    """In words, what an order may name."""
    attributes = (name for name, kind in schema.attributes.items() if kind is not ValueKind.TEXTS)
    return f"an attribute ({', '.join(attributes)}) or {either(_keys(schema))}"


def _keys(schema: Schema) -> list[str]:
    return [f"{each.value}.KEY" for each in Family if each in schema.families and each is not Family.DATASET]


def _family(schema: Schema, token: Token, prefix: str) -> Family:
    family = schema.prefixes.get(prefix)
    if family is None:
        known = [f"{each.value}." for each in Family if each in schema.prefixes.values()]
        raise unexpected(token, f"a prefix {either(known)}, or an attribute without dots")
    return family


def _bare_key(schema: Schema, family: Family, token: Token, key: str) -> Operand:
    if family is Family.METRIC and schema.summaries:
        head, _, word = key.rpartition(".")
        if head and word in _SUMMARIES:
            return Metric(head, cast("Summary", word))
    return _operand(schema, family, token, key)


def _operand(schema: Schema, family: Family, token: Token, key: str) -> Operand:
    if family is Family.ATTRIBUTE:
        return _attribute(schema, token, key)
    if family is Family.DATASET:
        if key not in _DATASET_FIELDS:
            raise unexpected(token, either([f"dataset.{field}" for field in _DATASET_FIELDS]))
        return DatasetField(cast("DatasetFieldName", key))
    if not key:
        raise unexpected(token, "a key that is not empty")
    if family is Family.METRIC:
        return Metric(key, "last")
    if family is Family.PARAM:
        return Param(key, schema.text_params)
    attribute = schema.tag_attributes.get(key)
    return Tag(key) if attribute is None else _attribute(schema, token, attribute)


def _attribute(schema: Schema, token: Token, name: str) -> Operand:
    tag = schema.attribute_tags.get(name)
    if tag is not None:
        return Tag(tag)
    canonical = schema.aliases.get(name, str(name))
    kind = schema.attributes.get(canonical)
    if kind is None:
        raise unexpected(token, f"an attribute ({', '.join(schema.attributes)}) or {either(_keys(schema))}")
    return Attribute(canonical, kind)
