"""The composition root of the model server: makes everything, joins it, starts it and stops it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from types import ModuleType

from google.protobuf.descriptor import ServiceDescriptor
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.gc_collector import GCCollector
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector

from milepost.models.registry.uri import parse_uri
from milepost.v1 import prediction_service_pb2, serving_service_pb2
from milepost_server.calls.dispatcher import Dispatcher
from milepost_server.calls.handlers import HandlerTable
from milepost_server.calls.interceptors.admission import Admission
from milepost_server.calls.interceptors.observation import Observation
from milepost_server.calls.interceptors.validation import Validation
from milepost_server.calls.rules import compile_rules
from milepost_server.http_server import HttpServer
from milepost_server.rest.app import RestApp
from milepost_server.rpc.listener import GrpcListener
from milepost_server.serving.http.places import serving_places
from milepost_server.serving.inference import open_inference_pb2
from milepost_server.serving.models.registry_source import RegistrySource, default_name
from milepost_server.serving.models.repository import Repository
from milepost_server.serving.operations.admission import AdmittingRouter
from milepost_server.serving.operations.health import Health
from milepost_server.serving.operations.observers import Observers
from milepost_server.serving.predicting import Predictions
from milepost_server.serving.servicers.inference import InferenceServicer
from milepost_server.serving.servicers.inference_models import InferenceModels
from milepost_server.serving.servicers.prediction import PredictionServicer
from milepost_server.serving.servicers.serving import ServingServicer
from milepost_server.serving.settings import ServingSettings
from milepost_server.serving.typed import TypedServices

_log = logging.getLogger(__name__)

# Methods whose requests the access log tells of, by the ends of their names.
_PREDICTING = ("/Predict", "/GeneratePredictions", "/StreamPredict", "/ModelInfer", "/ModelStreamInfer")
# Balancers learn that the server is going before its listeners close.
_NOTICE_S = 0.2
# Samples and traces of the last requests are written in this time.
_CLOSE_S = 5.0


class ModelServer:
    """A whole model server. Make it and use it within one event loop.

    Args:
        settings: What it serves and how.
    """

    def __init__(self, settings: ServingSettings) -> None:
        self.settings = settings
        self.grpc_port = 0
        self.http_port = 0
        self._registry = CollectorRegistry()
        self._admission = Admission(settings.max_concurrent_calls, settings.max_concurrent_calls)
        self._repository: Repository | None = None
        self._wanted: dict[str, str] = {}
        self._background: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Begins to answer, loads the models, and returns when all of them are live. The ports are those really taken.

        Raises:
            OSError: A port cannot be bound.
            DomainError: A model cannot be loaded, or did not answer its input example.
            ValueError: A setting is wrong.
        """
        settings = self.settings
        self._wanted = _wanted(settings.models)
        repository = Repository(RegistrySource(settings.tracking_uri), settings.options)
        self._health = Health(
            repository.readiness, self._wanted, lambda name, serving: self._grpc.set_health(name, serving)
        )
        try:
            self._observers = Observers(settings, self._registry, repository.versions, repository.list)
        except BaseException:
            await repository.close(0)
            raise
        self._listen(Predictions(repository, self._observers.all), repository)
        self._repository = repository
        await self._health.refresh()
        self.grpc_port = await self._grpc.start(settings.host, settings.grpc_port)
        self.http_port = await self._http.start(settings.host, settings.http_port)
        self._background.append(asyncio.create_task(self._health.follow()))
        for name, source in self._wanted.items():
            await repository.load(source, name)
        await self._health.refresh()

    async def stop(self) -> None:
        """Refuses new calls, lets those at work finish within the drain time, and closes everything."""
        if self._repository is None:
            return
        repository, self._repository = self._repository, None
        self._health.drain()
        for task in self._background:
            task.cancel()
        await asyncio.gather(*self._background, return_exceptions=True)
        await self._grpc.drain()
        await asyncio.sleep(_NOTICE_S)
        if not await self._admission.drain(self.settings.drain_s):
            _log.warning("calls were still at work when the drain time ended", extra={"calls": self._admission.at_work})
        await asyncio.gather(self._grpc.stop(1), self._http.stop(self.settings.drain_s))
        await repository.close(1)
        await self._observers.close(_CLOSE_S)

    def _listen(self, predictions: Predictions, repository: Repository) -> None:
        settings = self.settings
        models = InferenceModels(repository, lambda: self._health.ready)
        table = HandlerTable(
            [
                (_service(prediction_service_pb2, "PredictionService"), PredictionServicer(predictions)),
                (_service(serving_service_pb2, "ServingService"), ServingServicer(repository, settings.options)),
                (_service(open_inference_pb2, "GRPCInferenceService"), InferenceServicer(predictions, models)),
            ]
        )
        compile_rules(method.descriptor.input_type for method in table)
        observation = Observation(self._registry, logs=lambda name: not name.endswith(_PREDICTING))
        dispatcher = Dispatcher([observation, self._admission, Validation()])
        for collector in (ProcessCollector, PlatformCollector, GCCollector):
            collector(registry=self._registry)
        typed = TypedServices(predictions, repository, repository.signatures)
        self._grpc = GrpcListener(table, dispatcher, max_message_bytes=settings.max_message_bytes, dynamic=typed)
        self._http = HttpServer(
            RestApp(
                table,
                dispatcher,
                max_body_bytes=settings.max_message_bytes,
                allowed_hosts=settings.allowed_hosts,
                pages={
                    "/healthz": self._health.healthz,
                    "/readyz": self._health.readyz,
                    "/metrics": self._metrics,
                },
                places=serving_places(
                    # These are no calls of methods, which the dispatcher would count.
                    Predictions(AdmittingRouter(repository, self._admission), self._observers.all),
                    models,
                    max_body_bytes=settings.max_message_bytes,
                    timeout_s=settings.predict_timeout_s,
                ),
            )
        )

    async def _metrics(self) -> tuple[int, str, bytes]:
        return 200, CONTENT_TYPE_LATEST, generate_latest(self._registry)


def _wanted(models: Sequence[str]) -> dict[str, str]:
    """The URIs of models by the names that they are served under.

    Raises:
        ValueError: Two have the same name.
    """
    wanted: dict[str, str] = {}
    for name, source in map(_named, models):
        if name in wanted:
            raise ValueError(f"two models are called {name!r}: give one another name, by NAME=URI")
        wanted[name] = source
    return wanted


def _named(model: str) -> tuple[str, str]:
    """Name and URI of `NAME=URI`, or of a URI whose model says its name.

    Raises:
        BadModelUri: The URI cannot be read.
        InvalidArgument: The name has to be given.
    """
    name, equals, source = model.partition("=")
    # A URI may have an equals sign of its own, behind its scheme.
    if equals and ":" not in name and "/" not in name:
        return name, source
    return default_name(parse_uri(model)), model


def _service(file: ModuleType, name: str) -> ServiceDescriptor:
    service: ServiceDescriptor = file.DESCRIPTOR.services_by_name[name]
    return service
