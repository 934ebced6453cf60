"""What must hold for every method, present and future, read from the descriptors."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from google.protobuf.descriptor import Descriptor, MethodDescriptor

from milepost import v1 as pb
from milepost.v1 import annotations_pb2
from support.api import SERVICES
from support.grpc_api import GrpcApi
from support.rest_binding import rules, verb_and_template
from support.verbs import Verbs

METHODS = {f"{service.name}/{method.name}": method for service in SERVICES.values() for method in service.methods}
# Repeating a purge is harmless, since ids are not used again unasked; artifacts are safe by content and `upload_id`,
# metric streams by sequence numbers. A test of a webhook changes nothing, and is an event that receivers may see twice.
WITHOUT_REQUEST_ID = {"PurgeExperiment", "PurgeRun", "PurgeRuns", "StreamMetrics", "TestWebhook"}
# Reads whose requests may be too long for a URL.
READ_BY_POST = {"GetMetricSeries"}
each_method = pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)


def _verb(method: MethodDescriptor) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", method.name).lower()


@each_method
def test_method_has_an_http_form_unless_both_sides_stream(method: MethodDescriptor) -> None:
    assert rules(method) or (method.client_streaming and method.server_streaming)


def test_no_two_methods_share_an_http_form() -> None:
    forms = [verb_and_template(rule) for method in METHODS.values() for rule in rules(method)]
    shapes = [(verb, re.sub(r"\{[^}]*\}", "{}", template)) for verb, template in forms]
    assert len(shapes) == len(set(shapes))


@each_method
def test_variables_of_an_http_path_are_fields_of_the_request(method: MethodDescriptor) -> None:
    for rule in rules(method):
        for path in re.findall(r"\{([^}=]+)", verb_and_template(rule)[1]):
            message: Descriptor | None = method.input_type
            for name in path.split("."):
                assert message is not None
                message = message.fields_by_name[name].message_type


@each_method
def test_reading_is_get_and_changing_is_not(method: MethodDescriptor) -> None:
    permission = method.GetOptions().Extensions[annotations_pb2.permission]
    reads = permission in (pb.PERMISSION_READ, pb.PERMISSION_PUBLIC)
    by_get = any(verb_and_template(rule)[0] == "GET" for rule in rules(method))
    assert by_get == (reads and method.name not in READ_BY_POST)


@each_method
def test_method_has_a_permission(method: MethodDescriptor) -> None:
    assert method.GetOptions().Extensions[annotations_pb2.permission] != pb.PERMISSION_UNSPECIFIED


@each_method
def test_changing_method_has_a_request_id(method: MethodDescriptor) -> None:
    permission = method.GetOptions().Extensions[annotations_pb2.permission]
    exempt = method.containing_service.name == "ArtifactService" or method.name in WITHOUT_REQUEST_ID
    changes = permission in (pb.PERMISSION_EDIT, pb.PERMISSION_MANAGE)
    assert ("request_id" in method.input_type.fields_by_name) == (changes and not exempt)


@each_method
def test_method_has_its_own_request_and_response(method: MethodDescriptor) -> None:
    assert method.input_type.name == f"{method.name}Request"
    assert method.output_type.name == f"{method.name}Response"


@each_method
def test_paged_list_has_size_and_tokens(method: MethodDescriptor) -> None:
    fields = method.input_type.fields_by_name
    paged = {"page_size", "page_token"} <= set(fields) and "next_page_token" in method.output_type.fields_by_name
    assert paged == method.name.startswith(("List", "Group"))


@each_method
def test_contract_suite_exercises_the_method(method: MethodDescriptor) -> None:
    verb = _verb(method)
    both_stream = method.client_streaming and method.server_streaming
    assert hasattr(GrpcApi if both_stream else Verbs, verb), f"tests/support has no {verb}"
    cases = [path.read_text() for path in Path(__file__).parent.glob("test_*.py")]
    assert any(f"api.{verb}(" in text for text in cases), f"no case of tests/contract calls {verb}"
