"""Metric streams of batches that are serialized ahead: prints the seconds until the last batch was acknowledged."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from typing import Any

import grpc
import numpy as np
import uvloop

from benchmarks.process import cpu_s
from milepost import v1 as pb

_FIRST_MS = 1_700_000_000_000


def batches(count: int, points: int, seed: int, key: str = "loss") -> list[bytes]:
    """Batches of a training metric: a value of full float64 precision each step, some ten milliseconds apart."""
    random = np.random.default_rng(seed)
    total = count * points
    values = np.exp(-np.arange(total) / total) + random.normal(0, 0.05, total)
    times = _FIRST_MS + np.cumsum(random.integers(8, 13, total))
    made = []
    for number in range(count):
        part = slice(number * points, (number + 1) * points)
        metrics = pb.MetricPoints(
            key=key,
            values=values[part].tolist(),
            steps=range(part.start, part.stop),
            timestamps_ms=times[part].tolist(),
        )
        batch = pb.StreamMetricsBatch(sequence=number + 1, metrics=[metrics])
        made.append(pb.StreamMetricsRequest(batch=batch).SerializeToString())
    return made


async def _stream(channel: grpc.aio.Channel, path: str, opening: bytes, payloads: list[bytes], window: int) -> None:
    streams: Any = channel.stream_stream(path, None, None)
    call = streams()
    acknowledged = 0
    room = asyncio.Semaphore(window)

    async def read() -> None:
        nonlocal acknowledged
        while acknowledged < len(payloads):
            answer = pb.StreamMetricsResponse.FromString(await call.read())
            if answer.HasField("rejected"):
                raise RuntimeError(f"a batch was rejected: {answer.rejected}")
            for _ in range(answer.ack.durable_sequence - acknowledged):
                room.release()
            acknowledged = max(acknowledged, answer.ack.durable_sequence)

    await call.write(opening)
    reader = asyncio.ensure_future(read())
    for payload in payloads:
        await room.acquire()
        await call.write(payload)
    await reader
    await call.done_writing()


async def _run() -> dict[str, float]:
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--server-pid", type=int, required=True)
    parser.add_argument("--path", default="/milepost.v1.MetricService/StreamMetrics")
    parser.add_argument("--runs", nargs="+", required=True, help="One stream for each.")
    parser.add_argument("--batches", type=int, required=True)
    parser.add_argument("--points", type=int, default=1000)
    parser.add_argument("--window", type=int, default=48)
    parser.add_argument("--channels", type=int, default=1)
    options = parser.parse_args()
    payloads = [batches(options.batches, options.points, seed) for seed in range(min(len(options.runs), 4))]
    channels = [
        grpc.aio.insecure_channel(f"127.0.0.1:{options.port}", options=[("grpc.use_local_subchannel_pool", 1)])
        for _ in range(options.channels)
    ]
    for channel in channels:
        await channel.channel_ready()
    writer = f"bench-{time.time_ns()}"
    began, used = time.monotonic(), cpu_s(options.server_pid)
    openings = [
        pb.StreamMetricsRequest(open=pb.StreamMetricsOpen(run_id=run, writer_id=writer)).SerializeToString()
        for run in options.runs
    ]
    await asyncio.gather(
        *(
            _stream(
                channels[number % len(channels)],
                options.path,
                opening,
                payloads[number % len(payloads)],
                options.window,
            )
            for number, opening in enumerate(openings)
        )
    )
    seconds = time.monotonic() - began
    for channel in channels:
        await channel.close(None)
    return {
        "seconds": seconds,
        "points": len(options.runs) * options.batches * options.points,
        "server_cores": (cpu_s(options.server_pid) - used) / seconds,
        "load_cores": time.process_time() / seconds,
    }


if __name__ == "__main__":
    sys.stdout.write(json.dumps(uvloop.run(_run())) + "\n")
