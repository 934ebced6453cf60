"""The RPCs of model servers, with the verb of `ModelServer` that calls each; see `milepost._methods`."""

from __future__ import annotations

from typing import Any

from milepost import v1 as pb
from milepost._methods import Method, Request, Response


def _prediction(name: str, verb: str, request: type[Request], response: type[Response]) -> Method[Request, Response]:
    return Method("PredictionService", name, verb, request, response)


def _serving(name: str, verb: str, request: type[Request], response: type[Response]) -> Method[Request, Response]:
    return Method("ServingService", name, verb, request, response)


PREDICT = _prediction("Predict", "predict", pb.PredictRequest, pb.PredictResponse)
GENERATE_PREDICTIONS = _prediction(
    "GeneratePredictions", "generate", pb.GeneratePredictionsRequest, pb.GeneratePredictionsResponse
)
STREAM_PREDICT = _prediction("StreamPredict", "stream", pb.StreamPredictRequest, pb.StreamPredictResponse)

LIST_SERVED_MODELS = _serving("ListServedModels", "list", pb.ListServedModelsRequest, pb.ListServedModelsResponse)
GET_SERVED_MODEL = _serving("GetServedModel", "get", pb.GetServedModelRequest, pb.GetServedModelResponse)
LOAD_MODEL = _serving("LoadModel", "load", pb.LoadModelRequest, pb.LoadModelResponse)
UNLOAD_MODEL = _serving("UnloadModel", "unload", pb.UnloadModelRequest, pb.UnloadModelResponse)
SET_LIVE_VERSION = _serving("SetLiveVersion", "set_live", pb.SetLiveVersionRequest, pb.SetLiveVersionResponse)
ROLL_BACK = _serving("RollBack", "roll_back", pb.RollBackRequest, pb.RollBackResponse)
FOLLOW_ALIAS = _serving("FollowAlias", "follow", pb.FollowAliasRequest, pb.FollowAliasResponse)
SET_CANARY = _serving("SetCanary", "set_canary", pb.SetCanaryRequest, pb.SetCanaryResponse)
SET_SHADOW = _serving("SetShadow", "set_shadow", pb.SetShadowRequest, pb.SetShadowResponse)

METHODS: dict[str, Method[Any, Any]] = {
    method.name: method
    for method in (
        PREDICT,
        GENERATE_PREDICTIONS,
        STREAM_PREDICT,
        LIST_SERVED_MODELS,
        GET_SERVED_MODEL,
        LOAD_MODEL,
        UNLOAD_MODEL,
        SET_LIVE_VERSION,
        ROLL_BACK,
        FOLLOW_ALIAS,
        SET_CANARY,
        SET_SHADOW,
    )
}
"""All methods by the RPC's name."""
