"""Shows that what was tracked can be found again: by search, from Python, over REST, and over gRPC reflection."""

from __future__ import annotations

import json
import urllib.parse
import urllib.request
from collections.abc import Callable
from typing import Any

import grpc
from google.protobuf import json_format, message_factory
from google.protobuf.descriptor_pool import DescriptorPool
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

import milepost

Say = Callable[[str], None]


def tour(grpc_address: str, http_url: str, say: Say) -> str:
    """Reads the best run of the digits experiment back in every way there is, and returns its id."""
    with milepost.Client(grpc_address) as client:
        best = next(
            iter(
                client.runs.list(
                    experiment="demo-digits",
                    filter="metrics.test/accuracy > 0.9 AND params.epochs >= 10 AND parent_run_id IS NOT NULL",
                    order_by="metrics.test/accuracy DESC, metrics.test/loss",
                    limit=1,
                )
            )
        )
        say(f"best run by search   {best.name} ({best.run_id})")
        say(f"  params             {best.params}")
        say(f"  accuracy           {best.metrics['test/accuracy']:.4f}")
        losses = client.metrics.history(best.run_id, "train/loss").values
        say(f"from Python          train/loss {losses[0]:.4f} -> {losses[-1]:.4f} in {len(losses)} epochs")

    document = _get_json(f"{http_url}/v1/runs/{urllib.parse.quote(best.run_id)}")
    last = document["run"]["metrics"]["test/accuracy"]["last"]
    say(f"over REST            GET /v1/runs/{best.run_id} says {last:.4f}")
    answer = _call_by_reflection(grpc_address, "milepost.v1.TrackingService", "GetRun", {"runId": best.run_id})
    last = answer["run"]["metrics"]["test/accuracy"]["last"]
    say(f"over gRPC reflection milepost.v1.TrackingService/GetRun says {last:.4f}")
    return best.run_id


def _get_json(url: str) -> Any:
    with urllib.request.urlopen(url, timeout=10) as response:  # noqa: S310  the demo's own server
        return json.load(response)


def _call_by_reflection(address: str, service: str, method: str, request: dict[str, Any]) -> Any:
    """Calls a method knowing nothing but its name, as grpcurl does."""
    with grpc.insecure_channel(address) as channel:
        pool = DescriptorPool(ProtoReflectionDescriptorDatabase(channel))
        found = pool.FindServiceByName(service).FindMethodByName(method)
        request_class = message_factory.GetMessageClass(found.input_type)
        response_class = message_factory.GetMessageClass(found.output_type)
        call = channel.unary_unary(
            f"/{service}/{method}",
            request_serializer=request_class.SerializeToString,
            response_deserializer=response_class.FromString,
        )
        answer = call(json_format.ParseDict(request, request_class()), timeout=10)
        return json_format.MessageToDict(answer, descriptor_pool=pool)
