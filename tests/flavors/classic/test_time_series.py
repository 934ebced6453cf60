from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pmdarima
import prophet
import pytest
import statsmodels.api
import statsmodels.formula.api
from statsmodels.tsa.arima.model import ARIMA

from flavors.contract import FlavorContract
from milepost import errors, pyfunc
from milepost.models import save_model

STEPS = np.arange(60.0)
WAVE = np.sin(STEPS / 3) + STEPS / 20
X = statsmodels.api.add_constant(np.column_stack([STEPS, WAVE]))


class TestStatsmodels(FlavorContract):
    flavor = "statsmodels"
    packages = ("statsmodels",)
    safe_formats = ()
    trusted_formats = ("pickle",)

    def make_model(self) -> Any:
        return statsmodels.api.OLS(STEPS * 2 + WAVE, X).fit()

    def make_data(self) -> Any:
        return X[:7]

    def predict_natively(self, model: Any, data: Any) -> Any:
        return model.predict(data)

    def test_the_training_data_can_be_left_out(self, model: Any, saved: Path, tmp_path: Path) -> None:
        save_model(self.make_model(), tmp_path / "small", format="pickle", remove_data=True)
        file = "model.statsmodels"
        assert (tmp_path / "small" / file).stat().st_size < (saved / file).stat().st_size
        answer = pyfunc.load_model(tmp_path / "small", trust=True).predict(X)
        np.testing.assert_array_equal(answer, model.predict(X))


def test_a_model_with_a_formula_takes_frames(tmp_path: Path) -> None:
    frame = pd.DataFrame({"y": WAVE, "x": STEPS})
    results = statsmodels.formula.api.ols("y ~ np.sqrt(x) + x", data=frame).fit()
    save_model(results, tmp_path / "model", format="pickle")
    answer = pyfunc.load_model(tmp_path / "model", trust=True).predict(frame[:5])
    np.testing.assert_array_equal(answer, results.predict(frame[:5]))


def test_a_time_series_is_asked_by_start_and_end(tmp_path: Path) -> None:
    results = ARIMA(WAVE, order=(1, 0, 0)).fit()
    save_model(results, tmp_path / "model", format="pickle")
    model = pyfunc.load_model(tmp_path / "model", trust=True)
    answer = model.predict(pd.DataFrame({"start": [60], "end": [64]}))
    np.testing.assert_array_equal(answer, results.predict(start=60, end=64))
    with pytest.raises(errors.SchemaMismatch, match="'end'"):
        model.predict(pd.DataFrame({"start": [60]}))
    with pytest.raises(errors.SchemaMismatch, match="from 9 to 1"):
        model.predict(pd.DataFrame({"start": [9], "end": [1]}))


class TestPmdarima(FlavorContract):
    flavor = "pmdarima"
    packages = ("pmdarima",)
    safe_formats = ()
    trusted_formats = ("pickle",)

    def make_model(self) -> Any:
        return pmdarima.ARIMA(order=(1, 0, 1), suppress_warnings=True).fit(WAVE)

    def make_data(self) -> Any:
        return pd.DataFrame({"n_periods": [4]})

    def predict_natively(self, model: Any, data: Any) -> Any:
        return pd.DataFrame({"yhat": model.predict(n_periods=int(data["n_periods"].iloc[0]))})

    def test_intervals_come_as_columns(self, saved: Path, model: Any) -> None:
        loaded = pyfunc.load_model(saved, trust=True)
        answer = loaded.predict(pd.DataFrame({"n_periods": [3], "return_conf_int": [True], "alpha": [0.1]}))
        values, intervals = model.predict(n_periods=3, return_conf_int=True, alpha=0.1)
        assert list(answer.columns) == ["yhat", "yhat_lower", "yhat_upper"]
        np.testing.assert_array_equal(answer.to_numpy(), np.column_stack([values, intervals]))

    @pytest.mark.parametrize("periods", [0, -1, 1.5, "3", None, True])
    def test_a_number_of_periods_that_is_none_is_refused(self, saved: Path, periods: Any) -> None:
        with pytest.raises(errors.SchemaMismatch) as caught:
            pyfunc.load_model(saved, trust=True).predict({"n_periods": periods})
        assert caught.value.field == "n_periods"


# Prophet 1.5 uses arguments of pandas that pandas 3.1 deprecates.
@pytest.mark.filterwarnings("ignore::DeprecationWarning:prophet.forecaster")
@pytest.mark.filterwarnings("ignore::DeprecationWarning:prophet.serialize")
class TestProphet(FlavorContract):
    flavor = "prophet"
    packages = ("prophet",)
    safe_formats = ("json",)

    def make_model(self) -> Any:
        history = pd.DataFrame({"ds": pd.date_range("2024-01-01", periods=60), "y": WAVE})
        return prophet.Prophet(uncertainty_samples=0).fit(history)

    def make_data(self) -> Any:
        return pd.DataFrame({"ds": pd.date_range("2024-03-01", periods=5)})

    def predict_natively(self, model: Any, data: Any) -> Any:
        return model.predict(data)

    def assert_equal(self, answer: Any, expected: Any) -> None:
        # The dates of changes in the trend are kept as JSON, to the digit that pandas writes.
        pd.testing.assert_frame_equal(answer, expected, rtol=1e-9)

    def test_data_without_times_are_refused(self, saved: Path) -> None:
        with pytest.raises(errors.SchemaMismatch, match="'ds'"):
            pyfunc.load_model(saved).predict(np.zeros((2, 1)))

    def test_a_file_that_is_no_model_is_refused_by_name(self, saved: Path, tmp_path: Path) -> None:
        (tmp_path / "MLmodel").write_bytes((saved / "MLmodel").read_bytes())
        (tmp_path / "model.pr").write_text('"{}"')
        with pytest.raises(errors.ModelFormatError, match=r"model\.pr"):
            pyfunc.load_model(tmp_path, verify=False)
