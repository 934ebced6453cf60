"""Models that Triton's clients load, list and unload."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tritonclient.grpc as triton_grpc
import tritonclient.http as triton_http
from tritonclient.utils import InferenceServerException

from serving_clients.triton import Triton

ROWS = np.ones((2, 2))


@pytest.fixture(params=["grpc", "http"])
def triton(request: pytest.FixtureRequest, grpc_client: Any, http_client: Any) -> Triton:
    return Triton(grpc_client, triton_grpc) if request.param == "grpc" else Triton(http_client, triton_http)


def index(triton: Triton) -> dict[tuple[str, str], str]:
    """State of each version."""
    if triton.module is triton_http:
        return {(each["name"], each["version"]): each["state"] for each in triton.client.get_model_repository_index()}
    models = triton.client.get_model_repository_index().models
    return {(each.name, each.version): each.state for each in models}


def test_models_are_listed_with_their_states(triton: Triton) -> None:
    listed = index(triton)
    assert {listed[name, "0"] for name in ("tensor", "columns", "mixed", "acting", "echo")} == {"READY"}


def test_the_champion_is_loaded_answers_and_is_unloaded(triton: Triton) -> None:
    triton.client.load_model("digits")
    assert index(triton)["digits", "1"] == "READY"
    response = triton.infer("digits", {"input": ROWS}).get_response()
    assert (response["model_version"] if isinstance(response, dict) else response.model_version) == "1"
    triton.client.unload_model("digits")
    assert not triton.client.is_model_ready("digits")
    assert ("digits", "1") not in index(triton)


def test_a_version_is_chosen_by_a_parameter(http_client: Any, plain: Any) -> None:
    loaded = plain.post("/v2/repository/models/digits/load", json={"parameters": {"version": 2}})
    assert (loaded.status_code, loaded.json()) == (200, {})
    assert http_client.is_model_ready("digits", "2")
    assert not http_client.is_model_ready("digits", "1")
    http_client.unload_model("digits")


def test_what_the_registry_does_not_have_cannot_be_loaded(triton: Triton) -> None:
    with pytest.raises(InferenceServerException) as caught:
        triton.client.load_model("never registered")
    assert caught.value.status() in ("StatusCode.NOT_FOUND", "404")
    with pytest.raises(InferenceServerException) as caught:
        triton.client.unload_model("never registered")
    assert caught.value.status() in ("StatusCode.NOT_FOUND", "404")


def test_models_cannot_bring_their_own_files_or_names_of_others(triton: Triton) -> None:
    for call in ({"model_name": "digits", "config": "{}"}, {"model_name": "digits/2"}, {"model_name": "digits@x"}):
        with pytest.raises(InferenceServerException) as caught:
            triton.client.load_model(**call)
        assert caught.value.status() in ("StatusCode.INVALID_ARGUMENT", "400", "404")
