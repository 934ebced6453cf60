"""Signatures are the texts that MLflow writes, and anything else is refused by the path of what is wrong."""

from __future__ import annotations

import json
from contextlib import suppress

import pytest
from hypothesis import given

from milepost.errors import ModelFormatError
from milepost.models.signatures.schema import ArrayType, Column, DataType, ObjectType, Param, Property, Schema, Tensor
from milepost.models.signatures.signature import ModelSignature
from support.model_strategies import JSON, SIGNATURES

# Written by MLflow 3.17.0 from a data frame, arrays and params.
COLUMNS = (
    '[{"type": "long", "name": "age", "required": true}, '
    '{"type": "array", "items": {"type": "string"}, "name": "tags", "required": false}, '
    '{"type": "object", "properties": {"x": {"type": "double", "required": true}}, "name": "o", "required": true}]'
)
TENSORS = '[{"name": "image", "type": "tensor", "tensor-spec": {"dtype": "float32", "shape": [-1, 28, 28]}}]'
PARAMS = '[{"name": "beams", "default": 5, "shape": null, "type": "long"}]'


def test_texts_of_mlflow_are_read_and_written_the_same() -> None:
    parts = {"inputs": COLUMNS, "outputs": TENSORS, "params": PARAMS}
    signature = ModelSignature.from_dict(parts)
    members = ObjectType((Property("x", DataType.DOUBLE),))
    assert signature == ModelSignature(
        inputs=Schema((
            Column(DataType.LONG, "age"), Column(ArrayType(DataType.STRING), "tags", False), Column(members, "o"),
        )),
        outputs=Schema((Tensor("float32", (-1, 28, 28), "image"),)),
        params=(Param("beams", DataType.LONG, 5),),
    )  # fmt: skip
    assert signature.to_dict() == parts


@given(SIGNATURES)
def test_every_signature_survives_its_texts(signature: ModelSignature) -> None:
    assert ModelSignature.from_dict(signature.to_dict()) == signature


def test_columns_that_mlflow_names_by_position_have_no_names() -> None:
    text = '[{"type": "double", "name": 0, "required": true}, {"type": "double", "name": 1, "required": true}]'
    signature = ModelSignature.from_dict({"inputs": text})
    assert signature.inputs == Schema((Column(DataType.DOUBLE), Column(DataType.DOUBLE)))


def test_an_early_mlflow_says_optional_and_dtype() -> None:
    signature = ModelSignature.from_dict(
        {
            "inputs": '[{"type": "long", "name": "a", "optional": true}]',
            "params": '[{"name": "p", "dtype": "long", "default": 1}]',
        }
    )
    assert signature.inputs == Schema((Column(DataType.LONG, "a", required=False),))
    assert signature.params == (Param("p", DataType.LONG, 1),)


@pytest.mark.parametrize(
    ("inputs", "place"),
    [
        ([1], "signature.inputs must be a text"),
        ("[", "signature.inputs is not JSON"),
        ("[" * 100_000, "signature.inputs is not JSON"),
        ("{}", "signature.inputs must be a list"),
        ("[]", "at least one column"),
        ("[1]", "signature.inputs[0] must be an object"),
        ('[{"name": "a"}]', "signature.inputs[0].type"),
        ('[{"type": "decimal"}]', "signature.inputs[0].type is 'decimal'"),
        ('[{"type": ["long"]}]', "signature.inputs[0].type"),
        ('[{"type": "long", "name": 7}]', "signature.inputs[0].name"),
        ('[{"type": "long", "required": 1}]', "signature.inputs[0].required"),
        ('[{"type": "long", "name": "a"}, {"type": "long"}]', "Either all fields"),
        ('[{"type": "long", "name": "a"}, {"type": "long", "name": "a"}]', "more than once: ['a']"),
        ('[{"type": "array"}]', "signature.inputs[0].items"),
        ('[{"type": "object", "properties": {}}]', "signature.inputs[0].properties"),
        ('[{"type": "object", "properties": {"x": 1}}]', "signature.inputs[0].properties.x"),
        ('[{"type": "map", "values": {"type": "array", "items": 1}}]', "signature.inputs[0].values.items"),
        ('[{"type": "tensor"}]', "signature.inputs[0].tensor-spec"),
        ('[{"type": "tensor", "tensor-spec": {"dtype": "float33", "shape": [1]}}]', "'float33'"),
        ('[{"type": "tensor", "tensor-spec": {"dtype": "int8", "shape": [-2]}}]', "shape is (-2,)"),
        ('[{"type": "tensor", "tensor-spec": {"dtype": "int8", "shape": [true]}}]', "tensor-spec.shape"),
        ('[{"type": "tensor", "tensor-spec": {"dtype": "int8", "shape": [1]}}, {"type": "long"}]', "not both"),
    ],
)
def test_what_is_wrong_is_named_by_its_place(inputs: object, place: str) -> None:
    with pytest.raises(ModelFormatError) as caught:
        ModelSignature.from_dict({"inputs": inputs})
    assert place in str(caught.value)


@pytest.mark.parametrize(
    ("params", "place"),
    [
        ('[{"name": "a", "type": "long"}]', "signature.params[0].default"),
        ('[{"name": "a", "type": "binary", "default": ""}]', "binary"),
        ('[{"name": "a", "type": "map", "values": {"type": "long"}, "default": 1}]', "signature.params[0].type"),
        ('[{"name": "a", "type": "long", "default": [[1]], "shape": [1, 1]}]', "shape"),
        ('[{"name": "a", "type": "long", "default": 1}, {"name": "a", "type": "long", "default": 1}]', "different"),
    ],
)
def test_wrong_params_are_named_by_their_place(params: str, place: str) -> None:
    with pytest.raises(ModelFormatError) as caught:
        ModelSignature.from_dict({"params": params})
    assert place in str(caught.value)


def test_types_nested_without_end_are_refused() -> None:
    text = "[" + '{"type": "array", "items": ' * 40 + '{"type": "long"}' + "}" * 40 + "]"
    with pytest.raises(ModelFormatError, match="nested deeper"):
        ModelSignature.from_dict({"inputs": text})


@given(JSON)
def test_no_json_breaks_the_reader(value: object) -> None:
    for part in ("inputs", "params"):
        with suppress(ModelFormatError):
            ModelSignature.from_dict({part: json.dumps([value])})
