"""Folders of models for the tests of the model server. Each is made once for a process and must not be changed."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression

from milepost.models import ModelSignature, save_model
from milepost.models.signatures.schema import Column, DataType, Schema, Tensor

FEATURES = 20
COLUMNS = [f"x{number}" for number in range(FEATURES)]
ROWS = np.random.default_rng(0).normal(size=(100, FEATURES))
CLASSES = (ROWS[:, 0] > 0).astype(np.int64)
MIXED_SCHEMA = Schema(
    (
        Column(DataType.STRING, "name"),
        Column(DataType.LONG, "count"),
        Column(DataType.BOOLEAN, "active"),
        Column(DataType.DATETIME, "seen"),
        Column(DataType.DOUBLE, "score", required=False),
    )
)

# What a row says is done before the batch is answered; a row is answered with itself where nothing else is said.
_ACTING = '''
import os, sys, time
from pathlib import Path

import numpy as np
from milepost.models import set_model

KEPT = []


def act(text):
    verb, _, rest = text.partition(" ")
    if verb == "raise":  # raise MESSAGE
        raise ValueError(rest)
    if verb == "exit":
        sys.exit(3)
    if verb == "kill":
        os.kill(os.getpid(), 9)
    if verb == "sleep":  # sleep SECONDS
        time.sleep(float(rest))
    if verb == "leak":  # leak BYTES: the process grows by so much
        KEPT.append(bytearray(b"x") * int(rest))
    if verb == "wait":  # wait PATH: makes PATH.started, and goes on when there is PATH
        Path(rest + ".started").touch()
        while not os.path.exists(rest):
            time.sleep(0.005)
    if verb == "print":
        print(rest, flush=True)


def told(row, rows):
    if row == "pid":
        return str(os.getpid())
    if row == "batch":
        return str(len(rows))
    return os.environ.get(row[4:], "") if row.startswith("env ") else row


class Acting:
    def predict(self, model_input, params=None):
        if not is_texts(model_input):
            return model_input
        rows = [str(row) for row in model_input]
        for row in rows:
            act(row)
        answers = [told(row, rows) for row in rows]
        for row in rows:
            if row.startswith("rows "):  # rows NUMBER: answers with so many rows
                answers = ["row"] * int(row.split()[1])
        return np.array(answers, dtype=object) if isinstance(model_input, np.ndarray) else answers

    def predict_stream(self, model_input, params=None):
        """A piece for each row, made when it is asked for."""
        try:
            for row in model_input:
                act(str(row))
                piece = str(os.getpid()) if str(row) == "pid" else str(row)
                yield np.array([piece], dtype=object) if isinstance(model_input, np.ndarray) else [piece]
        finally:
            for row in model_input:
                if str(row).startswith("touch "):  # touch PATH: made when the generator ends, in whatever way
                    Path(str(row).split(" ", 1)[1]).touch()


def is_texts(data):
    if isinstance(data, np.ndarray):
        return data.dtype.kind in "OU" and data.ndim == 1
    return isinstance(data, list) and all(isinstance(row, str) for row in data)


set_model(Acting())
'''
_MIXED = """
from milepost.models import set_model

set_model(lambda frame: frame)
"""


@cache
def _root() -> Path:
    root = Path(tempfile.mkdtemp(prefix="milepost-serving-"))
    atexit.register(shutil.rmtree, root, ignore_errors=True)
    return root


def _script(name: str, source: str) -> Path:
    path = _root() / f"{name}.py"
    path.write_text(source)
    return path


@cache
def tensor_model() -> Path:
    """A LogisticRegression on `FEATURES` features: a tensor of float64 without a name in, classes (int64) out."""
    folder = _root() / "tensor"
    save_model(LogisticRegression().fit(ROWS, CLASSES), folder, input_example=ROWS[:2])
    return folder


@cache
def columns_model() -> Path:
    """The same with the columns `COLUMNS`, all double and required."""
    folder = _root() / "columns"
    frame = pd.DataFrame(ROWS, columns=COLUMNS)
    save_model(LogisticRegression().fit(frame, CLASSES), folder, input_example=frame.head(2))
    return folder


@cache
def acting_model(*, signed: bool = True, batching: bool = False) -> Path:
    """A model written in Python, which needs trust and does what the rows of the request say.

    Args:
        signed: Whether it has a signature: a tensor of texts with one dimension, in and out. Without one it answers
            whatever is no list or array of texts with the same.
        batching: Whether its descriptor says that rows may be predicted together.

    Rows are `echo` or any other text, `pid`, `batch` (number of rows predicted together), `env NAME` (of a variable),
    `raise MESSAGE`, `exit`, `kill`, `sleep SECONDS`, `leak BYTES`, `wait PATH` (makes `PATH.started`, goes on once
    there is `PATH`), `print TEXT`, `rows NUMBER` (answers with so many rows), and for generators `touch PATH` (made
    when it ends).
    """
    folder = _root() / f"acting-{signed}-{batching}"
    texts = Schema((Tensor("str", (-1,)),))
    save_model(
        _script("acting", _ACTING),
        folder,
        signature=ModelSignature(texts, texts) if signed else None,
        input_example=np.array(["echo"]) if signed else None,
        metadata={"milepost.batching": True} if batching else None,
    )
    return folder


@cache
def mixed_model() -> Path:
    """A model written in Python, which needs trust and answers a data frame of `MIXED_SCHEMA` with the same."""
    folder = _root() / "mixed"
    example = pd.DataFrame(
        {
            "name": ["a", "b"],
            "count": [1, 2],
            "active": [True, False],
            "seen": pd.to_datetime(["2026-01-01T00:00:00.000", "2026-01-02T03:04:05.678"]),
            "score": [0.5, None],
        }
    )
    signature = ModelSignature(MIXED_SCHEMA, MIXED_SCHEMA)
    save_model(_script("mixed", _MIXED), folder, signature=signature, input_example=example)
    return folder
