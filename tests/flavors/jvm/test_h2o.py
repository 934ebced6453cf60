from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h2o
import numpy as np
import pandas as pd
import pytest
from h2o.estimators import H2OGradientBoostingEstimator

from flavors.contract import FlavorContract
from flavors.jvm.servers import h2o_server
from milepost import errors, pyfunc
from milepost.models import load_model, save_model

# H2O says that polars would be faster when the test asks the model itself.
pytestmark = [
    pytest.mark.filterwarnings("ignore:Converting H2O frame::h2o.frame"),
    # Its launcher of servers leaves the files of their logs open.
    pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning:h2o.backend.server"),
]
ASKED = """
import sys
import pandas as pd
from milepost import pyfunc
print(pyfunc.load_model(sys.argv[1]).predict(pd.read_csv(sys.argv[2])).to_csv(index=False))
"""
DATA = pd.DataFrame({"size": np.arange(40.0), "colour": ["red", "green"] * 20})


@pytest.fixture(scope="module", autouse=True)
def cluster() -> Iterator[None]:
    with h2o_server():
        yield


class TestH2O(FlavorContract):
    flavor = "h2o"
    packages = ("h2o",)
    safe_formats = ("mojo",)
    trusted_formats = ("binary",)

    def make_model(self) -> Any:
        frame = h2o.H2OFrame(DATA.assign(big=np.where(DATA["size"] > 20, "yes", "no")))
        model = H2OGradientBoostingEstimator(ntrees=3, max_depth=2, min_rows=2, seed=1)
        model.train(x=["size", "colour"], y="big", training_frame=frame)
        return model

    def make_data(self) -> Any:
        return DATA[5:15]

    def predict_natively(self, model: Any, data: Any) -> Any:
        return model.predict(h2o.H2OFrame(data)).as_data_frame(use_multi_thread=False)

    def assert_equal(self, answer: Any, expected: Any) -> None:
        pd.testing.assert_frame_equal(answer.reset_index(drop=True), expected.reset_index(drop=True))

    def test_answers_keep_the_index(self, saved: Path) -> None:
        answer = pyfunc.load_model(saved).predict(DATA[5:15])
        assert answer.index.tolist() == list(range(5, 15))

    def test_a_process_without_a_connection_starts_a_server_of_its_own(self, saved: Path, tmp_path: Path) -> None:
        DATA.to_csv(tmp_path / "data.csv", index=False)
        command = [sys.executable, "-c", ASKED, str(saved), str(tmp_path / "data.csv")]
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=100)
        assert pyfunc.load_model(saved).predict(DATA).to_csv(index=False) in done.stdout

    def test_params_are_refused(self, saved: Path) -> None:
        with pytest.raises(errors.SchemaMismatch, match="threshold"):
            pyfunc.load_model(saved).predict(DATA[:2], {"threshold": 1})


def test_a_broken_archive_is_a_format_error(tmp_path: Path) -> None:
    save_model(TestH2O().make_model(), tmp_path / "model")
    (tmp_path / "model" / "model.h2o" / "model.zip").write_bytes(b"no archive")
    with pytest.raises(errors.ModelFormatError, match=r"model\.zip"):
        load_model(tmp_path / "model", verify=False)
