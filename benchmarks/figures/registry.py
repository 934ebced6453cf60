"""The model registry with 1,000 registered models of 3 versions each, over gRPC and REST, beside MLflow's server.

One caller, who waits for each answer, on a kept connection. MLflow is measured where `MLFLOW_PYTHON` names an
interpreter that has it: it is too large to be installed for a figure. Names go round all models, which are more than
the server remembers answers of.
"""

from __future__ import annotations

import itertools
import os
import subprocess
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

import grpc

from benchmarks.framework import Effort, Figure, Goal, Sample, benchmark, median
from benchmarks.json_http import JsonHttp
from benchmarks.process import ROOT, Process, environment, module
from benchmarks.subject import Subject, scratch_folder, server
from milepost import v1 as pb
from milepost.v1 import registry_service_pb2_grpc as stubs

_MODELS, _VERSIONS = 1000, 3
_SOURCE = "s3://bucket/model"
_MLFLOW = "MLFLOW_PYTHON"
_LEAST = 10

Call = Callable[[str], object]
_OPERATIONS = ("register", "alias lookup", "version search")
_NAMES = [f"registry {operation}, {way}" for operation in _OPERATIONS for way in ("gRPC", "REST")]


@benchmark(*_NAMES)
def registry(effort: Effort) -> Iterator[Figure]:
    """Three operations, by one caller.

    `register`: the first version of a new model, by one call (MLflow: by two). `alias lookup`: the version that
    `champion` points to. `version search`: the versions of a name, by a filter.
    """
    with ExitStack() as stack:
        folder = stack.enter_context(scratch_folder())
        subject = stack.enter_context(server(folder))
        ways = {"gRPC": stack.enter_context(_grpc(subject)), "REST": _rest(subject.http_port)}
        _fill(ways["gRPC"], subject)
        python = os.environ.get(_MLFLOW)
        mlflow = _mlflow_calls(stack.enter_context(_mlflow(python, folder))) if python else {}
        for operation in _OPERATIONS:
            samples: dict[str, list[Sample]] = {}
            for _ in range(effort.rounds):
                for way, calls in {"MLflow": mlflow, **ways}.items():
                    if calls:
                        samples.setdefault(way, []).append(_rate(effort, calls[operation], operation == "register"))
            limit = median(samples["MLflow"]) if mlflow else None
            for way in ways:
                yield _figure(f"registry {operation}, {way}", median(samples[way]), limit)


def _figure(name: str, sample: Sample, limit: Sample | None) -> Figure:
    if limit is None:
        return Figure(name, sample.value, "calls/s", detail=sample.detail)
    detail = f"{sample.detail}; MLflow {limit.detail}"
    return Figure(name, sample.value, "calls/s", limit.value, Goal("ratio", ">=", _LEAST), detail)


def _rate(effort: Effort, call: Call, new_names: bool) -> Sample:
    """Calls per second; each with the name of the next model, or with a new one."""
    names = (uuid.uuid4().hex for _ in itertools.count()) if new_names else itertools.cycle(_names())
    for name in itertools.islice(names, 5):
        call(name)
    taken: list[float] = []
    began = time.perf_counter()
    while time.perf_counter() - began < effort.seconds:
        before = time.perf_counter()
        call(next(names))
        taken.append(time.perf_counter() - before)
    rate = len(taken) / (time.perf_counter() - began)
    taken.sort()
    return Sample(rate, f"p50 {taken[len(taken) // 2] * 1e3:.2f} ms, p99 {taken[len(taken) * 99 // 100] * 1e3:.2f} ms")


def _names() -> list[str]:
    return [f"model-{number}" for number in range(_MODELS)]


@contextmanager
def _grpc(subject: Subject) -> Iterator[Mapping[str, Call]]:
    with grpc.insecure_channel(subject.target) as channel:
        stub = stubs.RegistryServiceStub(channel)
        yield {
            "register": lambda name: stub.CreateModelVersion(_new_version(name)),
            "alias lookup": lambda name: stub.GetModelVersionByAlias(
                pb.GetModelVersionByAliasRequest(name=name, alias="champion")
            ),
            "version search": lambda name: stub.ListModelVersions(
                pb.ListModelVersionsRequest(filter=f"name = '{name}'")
            ),
        }


def _new_version(name: str) -> pb.CreateModelVersionRequest:
    version = pb.ModelVersion(name=name, source_uri=_SOURCE)
    return pb.CreateModelVersionRequest(model_version=version, create_model=True)


def _fill(calls: Mapping[str, Call], subject: Subject) -> None:
    """The models and their aliases; many calls at once are stored together."""
    with grpc.insecure_channel(subject.target) as channel:
        stub = stubs.RegistryServiceStub(channel)
        for _ in range(_VERSIONS):
            for answer in [stub.CreateModelVersion.future(_new_version(name)) for name in _names()]:
                answer.result()
        for name in _names():
            stub.SetModelAlias(pb.SetModelAliasRequest(name=name, alias="champion", version=2))


def _rest(port: int) -> Mapping[str, Call]:
    http = JsonHttp(port)
    new = {"sourceUri": _SOURCE}
    return {
        "register": lambda name: http.post("/v1/modelVersions", modelVersion={"name": name, **new}, createModel=True),
        "alias lookup": lambda name: http.get(f"/v1/registeredModels/{name}/aliases/champion"),
        "version search": lambda name: http.get("/v1/modelVersions", filter=f"name = '{name}'"),
    }


@contextmanager
def _mlflow(python: str, folder: Path) -> Iterator[int]:
    """A filled server of MLflow; gives its port."""
    fill = ROOT / "benchmarks" / "peers" / "mlflow_fill.py"
    arguments = [f"sqlite:///{folder}/mlflow.db", str(_MODELS), str(_VERSIONS), _SOURCE]
    subprocess.run([python, str(fill), *arguments], check=True, env=environment(), capture_output=True)
    with Process(module("peers.mlflow_server", "--python", python, "--folder", folder)) as process:
        yield int(process.first_line)


def _mlflow_calls(port: int) -> Mapping[str, Call]:
    http, api = JsonHttp(port), "/api/2.0/mlflow"

    def register(name: str) -> object:
        http.post(f"{api}/registered-models/create", name=name)
        return http.post(f"{api}/model-versions/create", name=name, source=_SOURCE)

    return {
        "register": register,
        "alias lookup": lambda name: http.get(f"{api}/registered-models/alias", name=name, alias="champion"),
        "version search": lambda name: http.get(f"{api}/model-versions/search", filter=f"name='{name}'"),
    }
