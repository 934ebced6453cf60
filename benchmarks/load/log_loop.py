"""A training loop that does nothing but log: prints the seconds of the loop and until all was durable.

With `--raw` the loop only appends the same points to a list, which is the least that any queue costs.
"""

from __future__ import annotations

import argparse
import json
import time

import milepost


def _raw(calls: int) -> dict[str, float]:
    points: list[tuple[str, float, int, int]] = []
    append, now = points.append, time.time_ns
    begun = time.perf_counter()
    for step in range(calls):
        append(("loss", step * 0.5, step, now()))
    loop_s = time.perf_counter() - begun
    return {"loop_s": loop_s, "total_s": loop_s}


def _logged(calls: int) -> dict[str, float]:
    with milepost.start_run() as run:
        run.log_metric("warm", 0.0)
        run.flush()
        cpu_s = time.process_time()
        begun = time.perf_counter()
        for step in range(calls):
            run.log_metric("loss", step * 0.5, step=step)
        loop_s = time.perf_counter() - begun
        if not run.flush():
            raise RuntimeError("not all was stored")
        total_s = time.perf_counter() - begun
        cpu_s = time.process_time() - cpu_s
        stored = run.refresh().metric_summaries["loss"].count
    if stored != calls:
        raise RuntimeError(f"{stored} of {calls} points were stored")
    return {"loop_s": loop_s, "total_s": total_s, "cpu_s": cpu_s}


def _main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--address", required=True)
    parser.add_argument("--calls", type=int, required=True)
    parser.add_argument("--raw", action="store_true")
    options = parser.parse_args()
    milepost.set_tracking_uri(options.address)
    print(json.dumps(_raw(options.calls) if options.raw else _logged(options.calls)))


if __name__ == "__main__":
    _main()
