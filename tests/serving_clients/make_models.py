"""Makes what the tests serve: `make_models.py FOLDER TRACKING_ADDRESS`, run by the interpreter that has Milepost.

Folders of models in FOLDER, and the registered model `digits` with two versions, of which the first is the champion.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import numpy as np
from sklearn.linear_model import LogisticRegression

import milepost

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from support import serving_models


def main() -> None:
    """Makes all of it."""
    folder, address = Path(sys.argv[1]), sys.argv[2]
    models = {
        "tensor": serving_models.tensor_model(),
        "columns": serving_models.columns_model(),
        "mixed": serving_models.mixed_model(),
        "acting": serving_models.acting_model(),
        "echo": serving_models.acting_model(signed=False),
    }
    for name, made in models.items():
        shutil.copytree(made, folder / name)
    milepost.set_tracking_uri(address)
    rows = np.arange(8.0).reshape(4, 2)
    model = LogisticRegression().fit(rows, [0, 0, 1, 1])
    for _ in range(2):
        milepost.log_model(model, "digits", input_example=rows, registered_model_name="digits")
    milepost.Client(address).registered_models.set_alias("digits", "champion", 1)


if __name__ == "__main__":
    main()
