"""What loading a model of the registry costs over the library's own load, once its files are in the cache."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from unittest.mock import patch

import numpy as np
import skops.io
from sklearn.linear_model import LinearRegression

import milepost
from benchmarks.framework import Effort, Figure, Goal, Sample, alternate, benchmark
from benchmarks.subject import scratch_folder, server
from milepost.models.registry.sources import fetch

_OUTPUTS, _INPUTS = 5000, 5000
_LOADS = 3
_MODEL = "big"
_NAMES = ("load of a cached 200 MB model", "load of a cached 200 MB model, no digest check", "fetch of a 200 MB model")
_URI = f"models:/{_MODEL}@champion"


@benchmark(*_NAMES)
def model_load(effort: Effort) -> Iterator[Figure]:
    """`milepost.load_model("models:/big@champion")` of a linear model with 200 MB of weights in a file of skops.

    The limit is what has to be done anyway: the library's own load of the same file from the local disk, and a SHA-256
    of all files. The subject besides asks the server for the alias each time, and compares the digests. The files are
    in the cache of the system for both, and a sample is the quickest of three loads. The fetch is the first one, into
    an empty cache: it asks, downloads and checks.
    """
    with scratch_folder() as folder, server(folder) as subject:
        variables = {"MILEPOST_CACHE_DIR": str(folder / "cache"), "MILEPOST_SPOOL_DIR": str(folder / "spool")}
        with patch.dict(os.environ, variables):
            milepost.set_tracking_uri(subject.target)
            _log()
            fetched = _seconds(partial(fetch, _URI), times=1)
            files = fetch(_URI)
            native, loaded = alternate(effort, partial(_native, files, check=True), partial(_load, verify=True))
            detail = f"{loaded.detail}, the library and the digests {native.detail}"
            yield Figure(_NAMES[0], loaded.value * 1e3, "ms", native.value * 1e3, Goal("ratio", "<", 1.2), detail)
            native, loaded = alternate(effort, partial(_native, files, check=False), partial(_load, verify=False))
            yield Figure(_NAMES[1], loaded.value * 1e3, "ms", native.value * 1e3)
            size = sum(file.stat().st_size for file in files.rglob("*") if file.is_file())
            yield Figure(_NAMES[2], size / 1e6 / fetched.value, "MB/s", detail=f"{size / 1e6:.0f} MB")
            milepost.end_run()
            milepost.set_tracking_uri(None)


def _log() -> None:
    model = LinearRegression()
    model.coef_ = np.random.default_rng(0).normal(size=(_OUTPUTS, _INPUTS))
    model.intercept_ = np.zeros(_OUTPUTS)
    model.n_features_in_ = _INPUTS
    milepost.log_model(model, _MODEL, registered_model_name=_MODEL, aliases=["champion"])


def _load(*, verify: bool) -> Sample:
    return _seconds(partial(milepost.load_model, _URI, verify=verify))


def _native(folder: Path, *, check: bool) -> Sample:
    def load() -> None:
        if check:
            for file in filter(Path.is_file, folder.rglob("*")):
                with file.open("rb") as content:
                    hashlib.file_digest(content, "sha256")
        skops.io.load(folder / "model.skops")

    return _seconds(load)


def _seconds(work: Callable[[], object], times: int = _LOADS) -> Sample:
    """Seconds of the quickest of some calls, and what the processor worked for it."""
    taken = []
    for _ in range(times):
        began, worked = time.perf_counter(), time.process_time()
        work()
        taken.append((time.perf_counter() - began, time.process_time() - worked))
    return Sample(min(taken)[0], f"{min(worked for _, worked in taken) * 1e3:.0f} ms of CPU")
