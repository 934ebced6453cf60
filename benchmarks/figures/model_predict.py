"""What `predict` of a saved model costs over the library's own."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits

from benchmarks.framework import Effort, Figure, Goal, Sample, alternate, benchmark
from benchmarks.subject import scratch_folder
from milepost import pyfunc
from milepost.models import save_model
from milepost.models.signatures.inference import infer_signature

_COLUMNS = 20
_ROWS = 100_000
_BATCH_S = 0.002
_NAMES = (
    "predict, 1 row, array",
    "predict, 1 row, data frame",
    "predict, 100,000 rows, array",
    "predict, 100,000 rows, data frame",
)


@benchmark(*_NAMES)
def model_predict(effort: Effort) -> Iterator[Figure]:
    """`predict` of a logistic regression that was saved with a signature and loaded, beside that of scikit-learn.

    20 columns of float64 as an array, which is checked against a tensor, and as a data frame with names. For one row
    the figure is what a call takes longer, for 100,000 rows the whole call. A sample is the best of many batches of
    2 ms in one process and thread, since what is measured is the cost of the code, not of the machine's other work.
    """
    with scratch_folder() as folder, threadpool_limits(1):
        array, frame = (_Model(folder / name, data) for name, data in _data().items())
        for name, model in zip(_NAMES[:2], (array, frame), strict=True):
            native, subject = alternate(effort, partial(model.native, 1, effort), partial(model.saved, 1, effort))
            detail = f"the library's own {native.value * 1e6:.1f} µs, with the check {subject.value * 1e6:.1f} µs"
            yield Figure(name, (subject.value - native.value) * 1e6, "µs", goal=Goal("value", "<", 50), detail=detail)
        for name, model in zip(_NAMES[2:], (array, frame), strict=True):
            native, subject = alternate(
                effort, partial(model.native, _ROWS, effort), partial(model.saved, _ROWS, effort)
            )
            yield Figure(name, subject.value * 1e3, "ms", native.value * 1e3, Goal("ratio", "<", 1.05))


def _data() -> dict[str, Any]:
    values = np.random.default_rng(0).normal(size=(_ROWS, _COLUMNS))
    return {"array": values, "frame": pd.DataFrame(values, columns=[f"x{i}" for i in range(_COLUMNS)])}


class _Model:
    """A fitted model, saved and loaded; with data of its kind."""

    def __init__(self, folder: Path, data: Any) -> None:
        self._data = data
        self._fitted = LogisticRegression().fit(data, np.asarray(data)[:, 0] > 0)
        save_model(self._fitted, folder, signature=infer_signature(data, self._fitted.predict(data[:10])))
        self._loaded = pyfunc.load_model(folder)

    def native(self, rows: int, effort: Effort) -> Sample:
        """Seconds of a call of scikit-learn."""
        return _best(self._fitted.predict, self._data[:rows], effort)

    def saved(self, rows: int, effort: Effort) -> Sample:
        """Seconds of a call of Milepost."""
        return _best(self._loaded.predict, self._data[:rows], effort)


def _best(predict: Callable[[Any], Any], data: Any, effort: Effort) -> Sample:
    """Seconds per call in the best of the batches of a sample."""
    began = time.perf_counter()
    predict(data)
    calls = max(1, int(_BATCH_S / (time.perf_counter() - began)))
    best = math.inf
    end = time.perf_counter() + effort.seconds
    while (began := time.perf_counter()) < end:
        for _ in range(calls):
            predict(data)
        best = min(best, (time.perf_counter() - began) / calls)
    return Sample(best)
