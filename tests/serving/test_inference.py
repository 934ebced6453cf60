"""`inference.GRPCInferenceService` where stock clients do not go; what they do is in `tests/serving_clients`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest

from milepost_server.serving import inference as v2
from support.servers import RunningModelServer
from support.serving_models import acting_model
from support.serving_registry import until
from support.serving_wires import raw_request

SERVICE = "inference.GRPCInferenceService"


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    server = RunningModelServer(f"acting={acting_model(batching=True)}", trust=True)
    yield f"127.0.0.1:{server.grpc_port}"
    server.stop()


@pytest.fixture
async def channel(address: str) -> AsyncIterator[grpc.aio.Channel]:
    async with grpc.aio.insecure_channel(address) as channel:
        yield channel


async def call(channel: grpc.aio.Channel, name: str, request: Any, answer: Any, timeout: float = 60) -> Any:
    """A unary call."""
    stub = channel.unary_unary(f"/{SERVICE}/{name}", type(request).SerializeToString, answer.FromString)
    return await stub(request, timeout=timeout)


def stream_of(channel: grpc.aio.Channel) -> Any:
    """Opens streams."""
    return channel.stream_stream(
        f"/{SERVICE}/ModelStreamInfer",
        v2.ModelInferRequest.SerializeToString,
        v2.ModelStreamInferResponse.FromString,
    )


def request(*rows: str, **fields: Any) -> v2.ModelInferRequest:
    """A batch for the model that does what it is told."""
    made = raw_request("acting", {"input": list(rows)})
    made.MergeFrom(v2.ModelInferRequest(**fields))
    return made


async def code_of(awaitable: Any) -> grpc.StatusCode:
    """The code that a call fails with."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await awaitable
    return caught.value.code()


async def test_typed_contents_are_answered_by_typed_contents(channel: grpc.aio.Channel) -> None:
    asked = v2.ModelInferRequest(model_name="acting", id="7")
    asked.inputs.add(name="input", datatype="BYTES", shape=[2]).contents.bytes_contents.extend([b"a", b"b"])
    answer = await call(channel, "ModelInfer", asked, v2.ModelInferResponse)
    assert (answer.id, list(answer.raw_output_contents)) == ("7", [])
    assert list(answer.outputs[0].contents.bytes_contents) == [b"a", b"b"]


async def test_a_model_has_to_be_named_and_there_is_one_repository(channel: grpc.aio.Channel) -> None:
    index, load = v2.RepositoryIndexRequest, v2.RepositoryModelLoadRequest
    for name, asked, answer in (
        ("ModelInfer", v2.ModelInferRequest(), v2.ModelInferResponse),
        ("RepositoryIndex", index(repository_name="other"), v2.RepositoryIndexResponse),
        ("RepositoryModelLoad", load(repository_name="other", model_name="m"), v2.RepositoryModelLoadResponse),
        ("RepositoryModelLoad", load(), v2.RepositoryModelLoadResponse),
        ("RepositoryModelLoad", load(model_name="a/b"), v2.RepositoryModelLoadResponse),
        ("RepositoryModelLoad", load(model_name="a@b"), v2.RepositoryModelLoadResponse),
    ):
        assert await code_of(call(channel, name, asked, answer)) == grpc.StatusCode.INVALID_ARGUMENT


async def test_version_and_alias_of_a_load_are_checked(channel: grpc.aio.Channel) -> None:
    for parameters in (
        {"version": v2.ModelRepositoryParameter(int64_param=0)},
        {"version": v2.ModelRepositoryParameter(bool_param=True)},
        {"alias": v2.ModelRepositoryParameter(int64_param=1)},
        {
            "alias": v2.ModelRepositoryParameter(string_param="a"),
            "version": v2.ModelRepositoryParameter(int64_param=1),
        },
        {"config": v2.ModelRepositoryParameter(string_param="{}")},
    ):
        asked = v2.RepositoryModelLoadRequest(model_name="m", parameters=parameters)
        failed = code_of(call(channel, "RepositoryModelLoad", asked, v2.RepositoryModelLoadResponse))
        assert await failed == grpc.StatusCode.INVALID_ARGUMENT


@asynccontextmanager
async def busy(channel: grpc.aio.Channel, gate: Path) -> AsyncIterator[None]:
    """Meanwhile the only process has a request at work and another to do next, so that further ones wait."""
    # So many rows are predicted by themselves.
    waiting = request(*[f"wait {gate}"] * 64)
    tasks = [asyncio.create_task(call(channel, "ModelInfer", waiting, v2.ModelInferResponse)) for _ in range(2)]
    await until(gate.with_name(f"{gate.name}.started").exists)
    yield
    gate.touch()  # noqa: ASYNC240
    await asyncio.gather(*tasks)


async def test_a_request_whose_deadline_passed_is_not_predicted(channel: grpc.aio.Channel, tmp_path: Path) -> None:
    late = tmp_path / "late"
    async with busy(channel, tmp_path / "gate"):
        asked = call(channel, "ModelInfer", request(f"wait {late}"), v2.ModelInferResponse, timeout=0.2)
        assert await code_of(asked) == grpc.StatusCode.DEADLINE_EXCEEDED
    await call(channel, "ModelInfer", request("echo"), v2.ModelInferResponse)
    assert not late.with_name("late.started").exists()


async def test_requests_of_a_stream_are_predicted_together_and_answered_in_order(
    channel: grpc.aio.Channel, tmp_path: Path
) -> None:
    count = 200
    stream = stream_of(channel)()
    # All others have come by the time that the process is free for them.
    async with busy(channel, tmp_path / "gate"):
        for number in range(count):
            await stream.write(request("batch", id=str(number)))
        await stream.done_writing()
    answers = [each async for each in stream]
    assert [each.infer_response.id for each in answers] == [str(number) for number in range(count)]
    sizes = [int(each.infer_response.raw_output_contents[0][4:]) for each in answers]
    assert max(sizes) > 1


async def test_a_stream_that_is_left_takes_its_requests_along(channel: grpc.aio.Channel, tmp_path: Path) -> None:
    left = tmp_path / "left"
    async with busy(channel, tmp_path / "gate"):
        stream = stream_of(channel)(iter([request("echo"), request(f"wait {left}")]))
        await stream.wait_for_connection()
        stream.cancel()
        assert await stream.code() == grpc.StatusCode.CANCELLED
    await call(channel, "ModelInfer", request("echo"), v2.ModelInferResponse)
    assert not left.with_name("left.started").exists()


async def test_bytes_that_are_no_message_end_a_stream_after_what_came_before(channel: grpc.aio.Channel) -> None:
    stub = channel.stream_stream(f"/{SERVICE}/ModelStreamInfer", None, v2.ModelStreamInferResponse.FromString)
    stream = stub(iter([request("first").SerializeToString(), b"no message"]))
    answer: Any = await stream.read()
    assert answer.infer_response.raw_output_contents[0][4:] == b"first"
    assert await code_of(stream.read()) == grpc.StatusCode.INVALID_ARGUMENT
