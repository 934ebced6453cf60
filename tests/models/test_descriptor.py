"""The file `MLmodel`: every descriptor survives it, and every other file is refused by naming the key."""

from __future__ import annotations

import os
from contextlib import suppress
from datetime import datetime, timezone
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from milepost.errors import ModelFormatError
from milepost.models.format.descriptor import MLFLOW_VERSION, ModelDescriptor
from support.model_strategies import DESCRIPTORS

# Written by MLflow 2.9.
OLD = b"""\
artifact_path: model
flavors:
  python_function:
    env: {conda: conda.yaml, virtualenv: python_env.yaml}
    loader_module: mlflow.sklearn
    model_path: model.pkl
    python_version: 3.10.12
  sklearn: {code: null, pickled_model: model.pkl, serialization_format: cloudpickle, sklearn_version: 1.3.0}
mlflow_version: 2.9.2
model_size_bytes: 1234
model_uuid: 0123456789abcdef0123456789abcdef
run_id: fedcba9876543210fedcba9876543210
signature: {inputs: '[{"type": "long", "required": true}]', outputs: null, params: null}
utc_time_created: '2023-12-01 12:34:56.789012'
"""


@given(DESCRIPTORS)
def test_every_descriptor_survives_its_file(descriptor: ModelDescriptor) -> None:
    assert ModelDescriptor.from_yaml(descriptor.to_yaml()) == descriptor


def test_a_file_of_an_older_mlflow_is_read() -> None:
    descriptor = ModelDescriptor.from_yaml(OLD)
    assert descriptor.flavors["sklearn"]["pickled_model"] == "model.pkl"
    assert (descriptor.mlflow_version, descriptor.milepost_version, descriptor.size_bytes) == ("2.9.2", "", 1234)
    assert descriptor.create_time == datetime(2023, 12, 1, 12, 34, 56, 789012, tzinfo=timezone.utc)
    assert ModelDescriptor.from_yaml(descriptor.to_yaml()) == descriptor


def test_unknown_keys_are_kept_when_the_file_is_written_again(tmp_path: Path) -> None:
    (tmp_path / "MLmodel").write_bytes(OLD + b"resources: {api: [1]}\nmilepost: {version: 9.0.0, later: [x]}\n")
    descriptor = ModelDescriptor.read(tmp_path)
    descriptor.write(tmp_path)
    again = ModelDescriptor.read(tmp_path)
    assert again.extra == {"resources": {"api": [1]}, "milepost": {"later": ["x"]}}
    assert again.milepost_version == "9.0.0"
    assert [path.name for path in tmp_path.iterdir()] == ["MLmodel"]


def test_what_is_written_follows_a_version_of_mlflow() -> None:
    descriptor = ModelDescriptor(flavors={"sklearn": {}})
    assert ModelDescriptor.from_yaml(descriptor.to_yaml()).mlflow_version == MLFLOW_VERSION


@pytest.mark.parametrize(
    ("content", "place"),
    [
        (b"", "is empty"),
        (b"[]", "the file must be a mapping"),
        (b"{}", "flavors is missing"),
        (b"flavors: [a]", "flavors must be a mapping"),
        (b"flavors: {a: 1}", "flavors.a must be a mapping"),
        (b"flavors: {a: {1: 2}}", "flavors.a has the key 1"),
        (b"flavors: {a: {}}\nrun_id: 7", "run_id must be a text"),
        (b"flavors: {a: {}}\nmetadata: x", "metadata must be a mapping"),
        (b"flavors: {a: {}}\nsaved_input_example_info: 1", "saved_input_example_info"),
        (b"flavors: {a: {}}\nmodel_size_bytes: -1", "model_size_bytes"),
        (b"flavors: {a: {}}\nutc_time_created: yesterday", "utc_time_created"),
        (b"flavors: {a: {}}\nmilepost: 1", "milepost must be a mapping"),
        (b"flavors: {a: {}}\nsignature: {inputs: '{}'}", "signature.inputs"),
        (b"flavors: {a: {}}\nsignature: {columns: '{}'}", "unknown keys ['columns']"),
        (b"flavors: {a: {}}\nflavors: {b: {}}", "the key 'flavors' twice, at line 2"),
        (b"flavors: {a: {}}\nx: !!python/object/apply:os.getcwd []", "python/object"),
        (b"flavors: {a: {}}\nx: 2024-13-45", "month must be"),
        (b"? [a]\n: 1", "as a key"),
        (b"\xff\xfe\x00", "utf-8"),
        (b"a: b: c", "not YAML"),
        (b"flavors: {a: {}}\n---\n{}", "single document"),
    ],
)
def test_what_is_wrong_is_named(content: bytes, place: str) -> None:
    with pytest.raises(ModelFormatError) as caught:
        ModelDescriptor.from_yaml(content)
    assert "MLmodel" in str(caught.value)
    assert place in str(caught.value)


LAUGHS = b"a0: &a0 [x, x]\n" + b"".join(b"a%d: &a%d [*a%d, *a%d]\n" % (i, i, i - 1, i - 1) for i in range(1, 40))


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"[" * 1_000_000, id="nested lists"),
        pytest.param(LAUGHS, id="aliases of aliases"),
        pytest.param(b"a: &a {b: *a}", id="an alias of what holds it"),
        pytest.param(b"a: 1" + b":1" * 1_500_000, id="a number in base 60"),
        pytest.param(b"x: " + b"y" * (4 << 20), id="a long file"),
    ],
)
def test_bombs_are_refused(content: bytes) -> None:
    with pytest.raises(ModelFormatError):
        ModelDescriptor.from_yaml(content)


def test_aliases_without_harm_are_read() -> None:
    descriptor = ModelDescriptor.from_yaml(b"flavors: {a: &a {x: [1]}, b: *a}")
    assert descriptor.flavors["b"] == {"x": [1]}


@given(st.binary(max_size=40) | st.text(alphabet="{}[]:-&*!?|>'\"#\n ab1", max_size=40).map(str.encode))
def test_no_content_breaks_the_reader(content: bytes) -> None:
    with suppress(ModelFormatError):
        ModelDescriptor.from_yaml(content)


def test_a_folder_without_descriptor_is_no_model(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "missing"):
        with pytest.raises(ModelFormatError, match="not a model's folder"):
            ModelDescriptor.read(folder)


def test_a_descriptor_that_is_no_regular_file_is_not_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "MLmodel")
    with pytest.raises(ModelFormatError, match="not a regular file"):
        ModelDescriptor.read(tmp_path)


@pytest.mark.parametrize("value", [object(), {1: 2}, 1j])
def test_values_that_yaml_has_not_are_refused_before_anything_is_written(value: object, tmp_path: Path) -> None:
    with pytest.raises(ModelFormatError):
        ModelDescriptor(flavors={"a": {}}, metadata={"key": value}).write(tmp_path)
    assert not list(tmp_path.iterdir())


def test_metadata_that_hold_themselves_are_refused() -> None:
    cycle: dict[str, object] = {}
    cycle["self"] = cycle
    with pytest.raises(ModelFormatError, match="hold themselves"):
        ModelDescriptor(flavors={"a": {}}, metadata=cycle).to_yaml()
