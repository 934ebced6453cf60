"""Servers of one logistic regression: ours, the peers that are installed here, and bare echoes.

`MLFLOW_PYTHON` names an interpreter that has MLflow, and `MLSERVER_PYTHON` one that has MLServer with its runtime for
scikit-learn; without its variable a peer is left out. All serve the same fitted model.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from benchmarks.mlflow_servers import mlflow_python
from benchmarks.peers.foreign import free_port
from benchmarks.process import Process, environment, module
from milepost.models import save_model

FEATURES = 20
NAME = "scores"
_READY = re.compile(r".*gRPC on \S+:(\d+), HTTP on http://\S+:(\d+)")
_MILEPOST = Path(sys.executable).with_name("milepost")


@dataclass(frozen=True, slots=True)
class ModelServer:
    """A running server; `pid` is that of a peer's parent, and a port is 0 where there is none."""

    http_port: int
    grpc_port: int
    pid: int


class Models:
    """The model in the form of each server, made in a folder when it is asked for.

    Args:
        folder: An empty folder.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.values: NDArray[np.float64] = np.random.default_rng(0).normal(size=(1000, FEATURES))
        self.columns = [f"x{number}" for number in range(FEATURES)]
        self.frame = pd.DataFrame(self.values, columns=self.columns)
        classes = (self.values[:, 0] > 0).astype(np.int64)
        self.of_arrays = LogisticRegression().fit(self.values, classes)
        self.of_frames = LogisticRegression().fit(self.frame, classes)

    @cached_property
    def arrays(self) -> Path:
        """In our form: takes a tensor."""
        folder = self._folder / "arrays"
        save_model(self.of_arrays, folder, input_example=self.values[:2])
        return folder

    @cached_property
    def frames(self) -> Path:
        """In our form: takes columns."""
        folder = self._folder / "frames"
        save_model(self.of_frames, folder, input_example=self.frame.head(2))
        return folder

    @cached_property
    def dumped(self) -> Path:
        """The folder of `model.joblib`, which takes an array."""
        folder = self._folder / "joblib"
        folder.mkdir()
        joblib.dump(self.of_arrays, folder / "model.joblib")
        return folder

    def of_mlflow(self, kind: str, python: str) -> Path:
        """In MLflow's form, of the kind `array` or `frame`."""
        folder = self._folder / f"mlflow-{kind}"
        dumped = folder.with_suffix(".joblib")
        joblib.dump(self.of_arrays if kind == "array" else self.of_frames, dumped)
        script = Path(__file__).parent / "peers" / "mlflow_save_model.py"
        command = [python, str(script), str(dumped), str(folder), kind]
        subprocess.run(command, env=environment(), check=True, capture_output=True)
        return folder


@contextmanager
def milepost_serve(models: Mapping[str, Path | str], options: Sequence[str] = ()) -> Iterator[ModelServer]:
    """`milepost serve` with its defaults on free ports.

    Args:
        models: What to serve, by name.
        options: Further ones of the command.
    """
    sources = [f"{name}={source}" for name, source in models.items()]
    command = [str(_MILEPOST), "serve", *sources, "--http-port", "0", "--grpc-port", "0", *options]
    with Process([*command, "--log-level", "warning"]) as process:
        ready = _READY.match(process.first_line)
        if ready is None:
            raise RuntimeError(f"the model server said {process.first_line!r} where its ports were expected")
        yield ModelServer(int(ready[2]), int(ready[1]), process.pid)


@contextmanager
def mlflow_scoring(models: Models, kind: str) -> Iterator[ModelServer | None]:
    """`mlflow models serve` with its defaults; None where it is not installed. `kind` is `array` or `frame`."""
    python = mlflow_python()
    if not python:
        yield None
        return
    command = module("peers.mlflow_scoring_server", "--python", python, "--model", models.of_mlflow(kind, python))
    with Process(command) as process:
        yield ModelServer(int(process.first_line), 0, process.pid)


@contextmanager
def mlserver(models: Models) -> Iterator[ModelServer | None]:
    """MLServer with its defaults; None where it is not installed."""
    python = os.environ.get("MLSERVER_PYTHON")
    if not python:
        yield None
        return
    grpc_port = free_port()
    options = ("--python", python, "--folder", models.dumped, "--name", NAME, "--grpc-port", grpc_port)
    with Process(module("peers.mlserver_server", *options)) as process:
        yield ModelServer(int(process.first_line), grpc_port, process.pid)
