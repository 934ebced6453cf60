"""What each verb of `ModelServer` sends and how its answer is read, shared by the synchronous and asynchronous one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from milepost import v1 as pb
from milepost._requests import Op, PagedOp
from milepost.serving import _methods as rpc
from milepost.serving._values import Encoded, Prediction, to_struct

Environment = Literal["", "local", "uv", "virtualenv"]

LOADING_TIMEOUT_S = 600.0
"""How long verbs that may have to load a version wait by default."""


def given(encoded: Encoded, params: Mapping[str, Any] | None, id: str = "") -> pb.PredictInput:
    """A batch as it is sent."""
    encoded.input.id = id
    if params:
        encoded.input.params.CopyFrom(to_struct(params))
    return encoded.input


def predict(model: str, encoded: Encoded, params: Mapping[str, Any] | None, version: int, id: str) -> Op[Prediction]:
    """See `ModelServer.predict`."""
    request = pb.PredictRequest(model=model, version=version, input=given(encoded, params, id))
    return Op(rpc.PREDICT, request, lambda response: encoded.read(response.output))


def generate(
    model: str, encoded: Encoded, params: Mapping[str, Any] | None, version: int, id: str
) -> pb.GeneratePredictionsRequest:
    """See `ModelServer.generate`."""
    return pb.GeneratePredictionsRequest(model=model, version=version, input=given(encoded, params, id))


def list_served_models() -> PagedOp[pb.ServedModel]:
    """See `ModelServer.list`."""
    return PagedOp(rpc.LIST_SERVED_MODELS, pb.ListServedModelsRequest(), lambda response: response.served_models)


def get_served_model(name: str) -> Op[pb.ServedModel]:
    """See `ModelServer.get`."""
    return Op(rpc.GET_SERVED_MODEL, pb.GetServedModelRequest(name=name), _served)


def load_model(
    source: str,
    name: str,
    workers: int | None,
    max_batch_rows: int | None,
    max_batch_wait_s: float | None,
    max_queue: int | None,
    environment: Environment,
    device: int | None,
) -> Op[pb.ServedModel]:
    """See `ModelServer.load`."""
    options = pb.ServingOptions(
        workers=workers,
        max_batch_rows=max_batch_rows,
        max_batch_wait_s=max_batch_wait_s,
        max_queue=max_queue,
        environment=environment,
        device=device,
    )
    return Op(rpc.LOAD_MODEL, pb.LoadModelRequest(source=source, name=name, options=options), _served)


def unload_model(name: str) -> Op[None]:
    """See `ModelServer.unload`."""
    return Op(rpc.UNLOAD_MODEL, pb.UnloadModelRequest(name=name), lambda _: None)


def set_live_version(name: str, version: int) -> Op[pb.ServedModel]:
    """See `ModelServer.set_live`."""
    return Op(rpc.SET_LIVE_VERSION, pb.SetLiveVersionRequest(name=name, version=version), _served)


def roll_back(name: str) -> Op[pb.ServedModel]:
    """See `ModelServer.roll_back`."""
    return Op(rpc.ROLL_BACK, pb.RollBackRequest(name=name), _served)


def follow_alias(name: str) -> Op[pb.ServedModel]:
    """See `ModelServer.follow`."""
    return Op(rpc.FOLLOW_ALIAS, pb.FollowAliasRequest(name=name), _served)


def set_canary(name: str, version: int, percent: float) -> Op[pb.ServedModel]:
    """See `ModelServer.set_canary`."""
    return Op(rpc.SET_CANARY, pb.SetCanaryRequest(name=name, version=version, percent=percent), _served)


def set_shadow(name: str, version: int, percent: float) -> Op[pb.ServedModel]:
    """See `ModelServer.set_shadow`."""
    return Op(rpc.SET_SHADOW, pb.SetShadowRequest(name=name, version=version, percent=percent), _served)


def _served(response: Any) -> pb.ServedModel:
    found: pb.ServedModel = response.served_model
    return found
