"""All paths of the model server that are no HTTP rule of a method."""

from __future__ import annotations

from milepost.models.format.descriptor import MLFLOW_VERSION
from milepost_server.rest.exchange import JSON, Exchange
from milepost_server.rest.mlflow_errors import MLFLOW_ERRORS
from milepost_server.rest.places import Answer, Place
from milepost_server.serving.http.errors import V2_ERRORS
from milepost_server.serving.http.invocations import Invocations
from milepost_server.serving.http.v2 import V2Endpoints, missing, unknown
from milepost_server.serving.predicting import Predictions
from milepost_server.serving.servicers.inference_models import InferenceModels

_MODEL = "/v2/models/{model}"
_VERSION = _MODEL + "/versions/{version}"
# What stock clients have calls for.
_MISSING = (
    *(start + end for start in (_MODEL, _VERSION) for end in ("/config", "/stats")),
    _MODEL + "/trace/setting",
    "/v2/models/stats",
    "/v2/trace/**",
    "/v2/logging",
    "/v2/systemsharedmemory/**",
    "/v2/cudasharedmemory/**",
)


def serving_places(
    predictions: Predictions, models: InferenceModels, *, max_body_bytes: int, timeout_s: float
) -> list[Place]:
    """The paths of MLflow's scoring server, and those of the Open Inference Protocol.

    Args:
        predictions: Predicts.
        models: The served models.
        max_body_bytes: Most bytes of a body, also when it is unpacked.
        timeout_s: Most seconds until a prediction is answered.
    """
    invocations = Invocations(predictions, max_body_bytes, timeout_s)
    return [
        _scoring("/invocations", "POST", invocations.of_only_model),
        _scoring("/models/{model}/invocations", "POST", invocations.of_model),
        _scoring("/models/{model}/versions/{version}/invocations", "POST", invocations.of_version),
        _scoring("/ping", "GET", _Health(models).answer),
        _scoring("/health", "GET", _Health(models).answer),
        _scoring("/version", "GET", _version),
        *_v2_places(V2Endpoints(predictions, models, max_body_bytes, timeout_s)),
    ]


def _v2_places(v2: V2Endpoints) -> list[Place]:
    of_model = [
        ("", "GET", v2.model),
        ("/ready", "GET", v2.model_ready),
        ("/infer", "POST", v2.infer),
    ]
    return [
        _v2("/v2", "GET", v2.server),
        _v2("/v2/health/live", "GET", v2.live),
        _v2("/v2/health/ready", "GET", v2.ready),
        *(_v2(start + end, verb, answer) for start in (_MODEL, _VERSION) for end, verb, answer in of_model),
        _v2("/v2/repository/index", "POST", v2.index),
        _v2("/v2/repository/models/{model}/load", "POST", v2.load),
        _v2("/v2/repository/models/{model}/unload", "POST", v2.unload),
        *(Place(template, missing, V2_ERRORS, unpacks=True) for template in _MISSING),
        Place("/v2/**", unknown, V2_ERRORS, unpacks=True),
    ]


def _scoring(template: str, verb: str, answer: Answer) -> Place:
    return Place(template, {verb: answer}, MLFLOW_ERRORS, unpacks=True)


def _v2(template: str, verb: str, answer: Answer) -> Place:
    return Place(template, {verb: answer}, V2_ERRORS, unpacks=True)


class _Health:
    def __init__(self, models: InferenceModels) -> None:
        self._models = models

    async def answer(self, exchange: Exchange, values: list[str]) -> None:
        """A line feed, as MLflow's server: what is in it is for nobody."""
        await exchange.respond(200 if self._models.all_ready() else 503, JSON, b"\n")


async def _version(exchange: Exchange, values: list[str]) -> None:
    await exchange.respond(200, "text/plain; charset=utf-8", MLFLOW_VERSION.encode())
