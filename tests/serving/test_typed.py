"""Typed services of served models, called by a program that knows them by reflection only."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorSet
from google.protobuf.message import Message

import milepost
from milepost import v1 as pb
from milepost.errors import InvalidArgumentError, MilepostError, NotFoundError, UnimplementedError, UnknownError
from milepost.models import ModelSignature, save_model
from milepost.models.contracts import package_of
from milepost.models.signatures.schema import Column, DataType, Param, Schema, Tensor
from support.cli import Cli
from support.servers import RunningModelServer, RunningServer
from support.serving_models import acting_model, mixed_model
from support.serving_registry import RegisteredModel
from support.typed_client import TypedClient, services

ROW = {"name": "Ann", "count": "9007199254740993", "active": False, "seen": "2026-01-02T03:04:05.678901234Z"}
# Answers an image times a param; `answer` makes it answer something else.
_SCALING = """
import numpy as np
from milepost.models import set_model


class Scaling:
    def predict(self, data, params=None):
        answer = params["answer"]
        if answer == "image":
            return {"image": data["image"] * np.float32(params["factor"]), "sums": data["image"].sum(axis=(1, 2))}
        if answer == "one image":
            return {"image": data["image"][:1], "sums": data["image"].sum(axis=(1, 2))}
        return {"image": data["image"], "other": data["image"]}


set_model(Scaling())
"""
# Says nothing of what it gives.
_FREE = """
import numpy as np
import pandas as pd
from milepost.models import set_model


def predict(data, params=None):
    kind = str(data["kind"].iloc[0])
    if kind == "table":
        return pd.DataFrame({"x": [1, 2], "when": pd.to_datetime(["2026-01-01", None]), "b": [b"a", b"b"]})
    return {"array": np.array([[1.5, np.inf]]), "text": "hello", "list": [2**60, None, {"a": True}]}[kind]


set_model(predict)
"""


def _scaling(folder: Path) -> Path:
    script = folder / "scaling.py"
    script.write_text(_SCALING)
    image = Tensor("float32", (-1, 2, 3), "image")
    params = (Param("factor", DataType.DOUBLE, 2.0), Param("answer", DataType.STRING, "image"))
    signature = ModelSignature(Schema((image,)), Schema((image, Tensor("float32", (-1,), "sums"))), params)
    save_model(script, folder / "scaling", signature=signature)
    return folder / "scaling"


def _free(folder: Path) -> Path:
    script = folder / "free.py"
    script.write_text(_FREE)
    save_model(script, folder / "free", signature=ModelSignature(Schema((Column(DataType.STRING, "kind"),))))
    return folder / "free"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("typed")


@pytest.fixture(scope="module")
def channel(folder: Path) -> Iterator[grpc.Channel]:
    models = {"Mixed Model": mixed_model(), "scaling": _scaling(folder), "free": _free(folder)}
    models |= {"untyped": acting_model(signed=False), "acting": acting_model()}
    running = RunningModelServer(*(f"{name}={path}" for name, path in models.items()), trust=True)
    with grpc.insecure_channel(running.grpc_address) as connected:
        yield connected
    running.stop()


def test_reflection_shows_the_services_of_models_beside_the_others(channel: grpc.Channel) -> None:
    typed = {f"{package_of(name)}.Predictor" for name in ("Mixed Model", "scaling", "free", "acting")}
    shown = services(channel)
    assert {name for name in shown if name.startswith("milepost.models.")} == typed
    assert {"milepost.v1.PredictionService", "inference.GRPCInferenceService"} <= shown


def test_the_contract_that_is_served_is_the_one_that_the_command_writes(
    channel: grpc.Channel, folder: Path, tmp_path: Path
) -> None:
    Cli("127.0.0.1:1").run("models", "proto", str(folder / "scaling"), "-o", str(tmp_path / "scaling.proto"))
    command = [str(Path(sys.executable).with_name("buf")), "build", str(tmp_path), "--as-file-descriptor-set"]
    subprocess.run([*command, "--exclude-source-info", "-o", str(tmp_path / "set.binpb")], check=True, timeout=60)
    (written,) = FileDescriptorSet.FromString((tmp_path / "set.binpb").read_bytes()).file
    served = TypedClient(channel, "scaling").file
    written.name = served.name
    assert written == served


def test_columns_have_their_own_names_and_keep_every_value(channel: grpc.Channel) -> None:
    rows = [ROW, {**ROW, "score": "NaN", "active": True}, {**ROW, "score": 0.0, "name": ""}]
    answer = TypedClient(channel, "Mixed Model").predict({"inputs": rows})
    # A data frame has NaN for a missing number.
    assert answer == {"outputs": [{**ROW, "score": "NaN"}, *rows[1:]]}
    assert TypedClient(channel, "Mixed Model").predict({"inputs": [ROW]}) == {"outputs": [ROW]}


def test_tensors_are_flat_and_params_have_defaults(channel: grpc.Channel) -> None:
    client = TypedClient(channel, "scaling")
    image = [float(i) for i in range(6)]
    doubled = {"image": [2 * each for each in image], "sums": 15.0}
    assert client.predict({"inputs": [{"image": image}]}) == {"outputs": [doubled]}
    halved = client.predict({"inputs": [{"image": image}, {"image": [0.0] * 6}], "params": {"factor": 0.5}})
    assert halved["outputs"][0] == {"image": [each / 2 for each in image], "sums": 15.0}
    assert halved["outputs"][1] == {"image": [0.0] * 6, "sums": 0.0}


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        ("array", [[1.5, "Infinity"]]),
        ("text", ["hello"]),
        ("list", ["1152921504606846976", None, {"a": True}]),
        (
            "table",
            [
                {"x": 1.0, "when": "2026-01-01T00:00:00", "b": "YQ=="},
                {"x": 2.0, "when": None, "b": "Yg=="},
            ],
        ),
    ],
)
def test_a_model_that_does_not_say_what_it_gives_answers_values(
    channel: grpc.Channel, kind: str, values: list[Any]
) -> None:
    answer = TypedClient(channel, "free").predict({"inputs": [{"kind": kind}]})
    assert [output["value"] for output in answer["outputs"]] == values


BAD: list[tuple[str, dict[str, Any], str]] = [
    ("Mixed Model", {"inputs": [ROW, {**ROW, "count": None}]}, "inputs[1].count"),
    ("Mixed Model", {"inputs": [{**ROW, "seen": "0001-01-01T00:00:00Z"}]}, "inputs[0].seen"),
    ("Mixed Model", {}, "inputs"),
    ("scaling", {"inputs": [{"image": [1] * 6}, {"image": [1] * 5}]}, "inputs[1].image"),
    ("scaling", {"inputs": [{}]}, "inputs[0].image"),
    ("acting", {"inputs": [{}]}, "inputs[0].input"),
]


@pytest.mark.parametrize(("model", "request_", "field"), BAD)
def test_what_does_not_fit_is_refused_by_its_path(
    channel: grpc.Channel, model: str, request_: dict[str, Any], field: str
) -> None:
    with pytest.raises(InvalidArgumentError) as refused:
        TypedClient(channel, model).predict(request_)
    assert (refused.value.reason, refused.value.metadata["field"]) == ("BAD_MODEL_INPUT", field)
    assert "Ann" not in str(refused.value)


def test_a_column_that_the_contract_does_not_have_is_refused(channel: grpc.Channel) -> None:
    client = TypedClient(channel, "Mixed Model")
    row = client.request({"inputs": [ROW]})[2:] + b"\x98\x06\x01"  # field 99 is 1
    with pytest.raises(InvalidArgumentError) as refused:
        client.predict(b"\x0a" + bytes([len(row)]) + row)
    assert refused.value.metadata["field"] == "inputs[0].99"


def test_unknown_versions_are_refused(channel: grpc.Channel) -> None:
    with pytest.raises(NotFoundError) as unknown:
        TypedClient(channel, "acting").predict({"inputs": [{"input": "pid"}], "version": 9})
    assert unknown.value.reason == "SERVED_MODEL_NOT_FOUND"
    with pytest.raises(InvalidArgumentError, match="version"):
        TypedClient(channel, "acting").predict({"inputs": [{"input": "pid"}], "version": -1})


@pytest.mark.parametrize("answer", ["one image", "other"])
def test_an_answer_that_the_signature_does_not_know_fails_with_what_to_do(channel: grpc.Channel, answer: str) -> None:
    with pytest.raises(UnknownError, match="not what its signature says") as failed:
        TypedClient(channel, "scaling").predict({"inputs": [{"image": [0] * 6}] * 2, "params": {"answer": answer}})
    assert failed.value.reason == "MODEL_FAILED"


def test_answers_of_a_stream_have_the_order_of_the_requests_until_one_fails(channel: grpc.Channel) -> None:
    texts = [f"row {i}" for i in range(300)]
    requests = [{"inputs": [{"input": text}]} for text in texts]
    client = TypedClient(channel, "acting")
    assert [answer["outputs"] for answer in client.stream(requests)] == [[{"output": text}] for text in texts]
    answers = client.stream([*requests[:3], {"inputs": [{"input": "raise secret"}]}, *requests[:3]])
    assert [next(answers)["outputs"] for _ in range(3)] == [[{"output": text}] for text in texts[:3]]
    with pytest.raises(MilepostError) as failed:
        next(answers)
    assert failed.value.reason == "MODEL_FAILED"
    assert "secret" not in str(failed.value)


def test_a_swap_brings_the_new_contract_and_old_programs_ask_their_version(
    server: RunningServer, tmp_path: Path
) -> None:
    with milepost.Client(server.grpc_address) as client:
        model = RegisteredModel(client, tmp_path)
        outputs = Schema((Tensor("float64", (-1,)),))
        model.add(1, champion=True)
        model.add(2, signature=ModelSignature(Schema((Tensor("float32", (-1, 1)),)), outputs))
        running = RunningModelServer(model.uri, trust=True, tracking_uri=server.grpc_address)
        try:
            with grpc.insecure_channel(running.grpc_address) as channel:
                _swap(channel, model.name)
        finally:
            running.stop()


def _swap(channel: grpc.Channel, name: str) -> None:
    def serving(method: str, request: Message) -> None:
        channel.unary_unary(f"/milepost.v1.ServingService/{method}", None, None)(
            request.SerializeToString(), timeout=60
        )

    old = TypedClient(channel, name)
    asking = {"inputs": [{"input": [1.5]}]}
    assert old.predict(asking) == {"outputs": [{"output": 1.0}], "version": "1"}
    serving("SetLiveVersion", pb.SetLiveVersionRequest(name=name, version=2))
    serving("SetCanary", pb.SetCanaryRequest(name=name, version=1, percent=0))
    new = TypedClient(channel, name)
    assert new.file != old.file
    assert new.predict(asking) == {"outputs": [{"output": 2.0}], "version": "2"}
    # Eight bytes of a double are two floats.
    with pytest.raises(InvalidArgumentError, match="has 2 elements"):
        old.predict(asking)
    assert old.predict({**asking, "version": 1}) == {"outputs": [{"output": 1.0}], "version": "1"}
    serving("UnloadModel", pb.UnloadModelRequest(name=name))
    assert new.service not in services(channel)
    with pytest.raises(UnimplementedError):
        new.predict(asking)
