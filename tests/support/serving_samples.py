"""Sampling of requests to a model server, and the files that it makes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from prometheus_client import CollectorRegistry

from milepost.models.worker.payload import Array, Payload
from milepost_server.serving.operations.sampling import Sampling

METADATA = ["_milepost_time", "_milepost_model", "_milepost_version", "_milepost_call_id", "_milepost_row"]


class Samples:
    """Sampling of all requests, and the files that it made."""

    def __init__(self, folder: Path, **settings: float) -> None:
        self.folder = folder
        self.registry = CollectorRegistry()
        self.sampling = Sampling(folder, 1.0, self.registry, **settings)  # type: ignore[arg-type]

    def files(self) -> list[Path]:
        return sorted(path for path in self.folder.rglob("*") if path.is_file())

    def complete(self) -> list[Path]:
        return [path for path in self.files() if not path.name.startswith(".")]

    async def frame(self) -> pd.DataFrame:
        """What was kept, after the end."""
        await self.sampling.close(30)
        tables = [pq.read_table(path, partitioning=None) for path in self.files()]
        frame: pd.DataFrame = pa.concat_tables(tables).to_pandas()
        return frame

    def kept(self) -> float | None:
        return self.registry.get_sample_value("milepost_serving_samples_total")

    def dropped(self, reason: str) -> float | None:
        return self.registry.get_sample_value("milepost_serving_samples_dropped_total", {"reason": reason})


def frame(**columns: object) -> Payload:
    return Payload("frame", [np.asarray(values) for values in columns.values()], tuple(columns))


def texts(*values: object) -> Array:
    array = np.empty(len(values), object)
    array[:] = values
    return array
