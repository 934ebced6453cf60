"""Saves a model of scikit-learn in MLflow's form. Run by an interpreter that has MLflow, and none of this project."""

from __future__ import annotations

import sys

import joblib
import mlflow.sklearn
import numpy as np
import pandas as pd
from mlflow.models import infer_signature


def _main() -> None:
    dumped, folder, kind = sys.argv[1:]
    model = joblib.load(dumped)
    array = np.zeros((2, model.n_features_in_))
    names = getattr(model, "feature_names_in_", None)
    example = array if kind == "array" else pd.DataFrame(array, columns=names)
    mlflow.sklearn.save_model(model, folder, signature=infer_signature(example, model.predict(example)))


if __name__ == "__main__":
    _main()
