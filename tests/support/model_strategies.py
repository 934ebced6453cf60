"""Any schema, param and descriptor."""

from __future__ import annotations

from datetime import timezone
from typing import Any

from hypothesis import strategies as st

from milepost.models.format.descriptor import ModelDescriptor
from milepost.models.signatures.schema import (
    AnyType,
    ArrayType,
    Column,
    ColumnType,
    DataType,
    MapType,
    ObjectType,
    Param,
    Property,
    Schema,
    Tensor,
    VectorType,
)
from milepost.models.signatures.signature import ModelSignature

NAMES = st.text(max_size=8)
SCALARS = st.sampled_from(DataType)
DTYPES = st.sampled_from(["bool", "int8", "uint64", "float16", "float32", "float64", "str", "bytes", "object"])


def _larger(inner: st.SearchStrategy[ColumnType]) -> st.SearchStrategy[ColumnType]:
    members = st.lists(st.builds(Property, NAMES, inner, st.booleans()), min_size=1, max_size=3, unique_by=_name)
    return st.one_of(
        st.builds(ArrayType, inner),
        st.builds(MapType, inner),
        st.builds(ObjectType, members.map(tuple)),
    )


def _name(field: Any) -> Any:
    return field.name


TYPES: st.SearchStrategy[ColumnType] = st.recursive(
    st.one_of(SCALARS, st.just(AnyType()), st.just(VectorType())), _larger, max_leaves=5
)
SHAPES = st.lists(st.integers(-1, 9), max_size=3).map(tuple)
SCHEMAS = st.one_of(
    st.lists(st.builds(Column, TYPES), min_size=1, max_size=3),
    st.lists(st.builds(Column, TYPES, NAMES, st.booleans()), min_size=1, max_size=3, unique_by=_name),
    st.builds(Tensor, DTYPES, SHAPES).map(lambda tensor: [tensor]),
    st.lists(st.builds(Tensor, DTYPES, SHAPES, NAMES), min_size=1, max_size=3, unique_by=_name),
).map(lambda fields: Schema(tuple(fields)))  # type: ignore[arg-type]  # all of one class
JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(max_size=8)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(NAMES, inner, max_size=3)),
    max_leaves=5,
)
PARAMS = st.lists(
    st.builds(
        Param,
        NAMES,
        st.one_of(
            SCALARS.filter(lambda kind: kind is not DataType.BINARY),
            st.builds(ObjectType, st.tuples(st.builds(Property, NAMES, TYPES))),
        ),
        JSON,
        st.sampled_from([None, (-1,)]),
    ),
    max_size=3,
    unique_by=_name,
).map(tuple)
SIGNATURES = st.builds(ModelSignature, st.none() | SCHEMAS, st.none() | SCHEMAS, st.none() | PARAMS)
MAPPINGS = st.dictionaries(NAMES, JSON, max_size=3)
DESCRIPTORS = st.builds(
    ModelDescriptor,
    flavors=st.dictionaries(NAMES, MAPPINGS, min_size=1, max_size=2),
    signature=st.none() | SIGNATURES,
    run_id=NAMES,
    model_id=NAMES,
    artifact_path=NAMES,
    model_uuid=NAMES,
    create_time=st.none() | st.datetimes(timezones=st.just(timezone.utc)),
    metadata=MAPPINGS,
    input_example=st.none() | MAPPINGS,
    size_bytes=st.none() | st.integers(0, 2**63),
    mlflow_version=NAMES,
    milepost_version=NAMES,
    extra=st.dictionaries(NAMES.map("x-{}".format), JSON, max_size=2),
)
