"""Makes what the tests of the serving package serve: `make_serving_models.py FOLDER TRACKING_ADDRESS`.

Folders in FOLDER: `acting` takes and gives texts and does what they say, `echo` is the same without a signature and
answers all else with itself, `petals` has columns and params. `petals.arrow` is a table for it. The registered model
`serving-constant` has two versions, which answer their numbers, and the first is the champion.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pyarrow as pa

import milepost
from milepost.models import ModelSignature, save_model
from milepost.models.signatures.schema import Column, DataType, Param, Schema, Tensor

_ACTING = '''
import os, time
from pathlib import Path

import numpy as np
from milepost.models import set_model


def act(text):
    verb, _, rest = text.partition(" ")
    if verb == "raise":  # raise MESSAGE
        raise ValueError(rest)
    if verb == "kill":
        os.kill(os.getpid(), 9)
    if verb == "wait":  # wait PATH: makes PATH.started, and goes on when there is PATH
        Path(rest + ".started").touch()
        while not os.path.exists(rest):
            time.sleep(0.005)
    return text


def is_texts(data):
    return isinstance(data, np.ndarray) and data.dtype.kind in "OU" and data.ndim == 1 and data[0] != b""


class Acting:
    def predict(self, model_input, params=None):
        if is_texts(model_input) and isinstance(model_input[0], str):
            if model_input[0] == "nothing":
                return model_input[:0]
            return np.array([act(row) for row in model_input], dtype=object)
        return model_input

    def predict_stream(self, model_input, params=None):
        """A piece for each row, made when it is asked for."""
        try:
            for row in model_input:
                yield np.array([act(str(row))], dtype=object)
        finally:
            for row in model_input:
                if str(row).startswith("touch "):  # touch PATH: made when the generator ends, in whatever way
                    Path(str(row).split(" ", 1)[1]).touch()


set_model(Acting())
'''
_PETALS = """
from milepost.models import set_model


def predict(frame, params=None):
    frame = frame.copy()
    frame["area"] = frame.pop("petal length (cm)") * frame.pop("petal width (cm)") * params["factor"]
    return frame


set_model(predict)
"""
_CONSTANT = """
import numpy as np
from milepost.models import set_model

set_model(lambda data, params=None: np.full(len(data), {version}))
"""


def _script(folder: Path, name: str, source: str) -> Path:
    path = folder / f"{name}.py"
    path.write_text(source, encoding="utf-8")
    return path


def _acting(folder: Path) -> None:
    texts = Schema((Tensor("str", (-1,)),))
    script = _script(folder, "acting_model", _ACTING)
    save_model(script, folder / "acting", signature=ModelSignature(texts, texts), metadata={"milepost.batching": True})
    save_model(script, folder / "echo")


def _petals(folder: Path) -> None:
    shared = (
        Column(DataType.STRING, "name"),
        Column(DataType.LONG, "count"),
        Column(DataType.DATETIME, "seen", required=False),
    )
    sizes = (Column(DataType.DOUBLE, "petal length (cm)"), Column(DataType.DOUBLE, "petal width (cm)"))
    outputs = Schema((*shared, Column(DataType.DOUBLE, "area")))
    signature = ModelSignature(Schema((*shared, *sizes)), outputs, (Param("factor", DataType.DOUBLE, 1.0),))
    save_model(_script(folder, "petals_model", _PETALS), folder / "petals", signature=signature)
    table = pa.table(
        {
            "name": ["ü", ""],
            "count": [2**63 - 1, -(2**63)],
            "seen": pa.array([None, 1], pa.timestamp("ns")),
            "petal length (cm)": [1.5, -0.0],
            "petal width (cm)": [2.0, 1.0],
        }
    )
    with pa.OSFile(str(folder / "petals.arrow"), "wb") as sink, pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write(table)


def _registered(folder: Path, address: str) -> None:
    milepost.set_tracking_uri(address)
    numbers = Schema((Tensor("float64", (-1,)),))
    for version in (1, 2):
        script = _script(folder, f"constant_{version}", _CONSTANT.format(version=version))
        milepost.log_model(
            script,
            f"constant-{version}",
            signature=ModelSignature(numbers, Schema((Tensor("int64", (-1,)),))),
            input_example=np.zeros(1),
            registered_model_name="serving-constant",
        )
    milepost.Client(address).registered_models.set_alias("serving-constant", "champion", 1)


def main() -> None:
    """Makes all of it."""
    folder = Path(sys.argv[1])
    _acting(folder)
    _petals(folder)
    _registered(folder, sys.argv[2])


if __name__ == "__main__":
    main()
