"""MLflow loads what these flavors write, and they load what MLflow writes."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer import modules
from transformers import pipeline

from flavors.pytorch import tiny
from milepost import errors, pyfunc
from milepost.models import load_model, save_model

with warnings.catch_warnings(action="ignore"):  # MLflow warns, when imported, of its type hints
    import mlflow.models
    import mlflow.pyfunc
    import mlflow.pytorch
    import mlflow.sentence_transformers
    import mlflow.transformers

X = np.arange(12, dtype=np.float32).reshape(4, 3)
TEXTS = ["good film", "bad bad film"]
BOTH = (pyfunc.load_model, mlflow.pyfunc.load_model)


def network() -> Any:
    torch.manual_seed(1)
    return torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.ReLU(), torch.nn.Linear(4, 2)).eval()


def answer_of(model: Any) -> Any:
    with torch.inference_mode():
        return model(torch.as_tensor(X)).numpy()


def test_exported_programs_both_ways(tmp_path: Path) -> None:
    model = network()
    save_model(model, tmp_path / "ours", input_example=X)
    signature = mlflow.models.infer_signature(X, answer_of(model))
    mlflow.pytorch.save_model(
        model, str(tmp_path / "theirs"), pip_requirements=["torch"], signature=signature, input_example=X,
        serialization_format="pt2",
    )  # fmt: skip
    for answer in [load(str(tmp_path / side)).predict(X) for side in ("ours", "theirs") for load in BOTH]:
        np.testing.assert_allclose(answer, answer_of(model), rtol=1e-5)


def test_pickles_both_ways(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_ALLOW_PICKLE_DESERIALIZATION", "true")
    model = network()
    save_model(model, tmp_path / "ours", format="pickle")
    mlflow.pytorch.save_model(
        model, str(tmp_path / "theirs"), pip_requirements=["torch"], serialization_format="pickle"
    )
    for side in ("ours", "theirs"):
        np.testing.assert_array_equal(mlflow.pyfunc.load_model(str(tmp_path / side)).predict(X), answer_of(model))
        np.testing.assert_array_equal(pyfunc.load_model(tmp_path / side, trust=True).predict(X), answer_of(model))
        with pytest.raises(errors.UntrustedModel):
            load_model(tmp_path / side)


def test_transformers_both_ways(tmp_path: Path) -> None:
    pipe = pipeline("text-classification", model=tiny.classifier(), tokenizer=tiny.tokenizer(tmp_path), device="cpu")
    save_model(pipe, tmp_path / "ours")
    mlflow.transformers.save_model(pipe, str(tmp_path / "theirs"), pip_requirements=["transformers"])
    for side in ("ours", "theirs"):
        assert load_model(tmp_path / side)(TEXTS) == pipe(TEXTS)
        assert mlflow.transformers.load_model(str(tmp_path / side), device="cpu")(TEXTS) == pipe(TEXTS)


@pytest.mark.filterwarnings("ignore:Importing from:DeprecationWarning:mlflow.sentence_transformers")
def test_sentence_transformers_both_ways(tmp_path: Path) -> None:
    tiny.encoder().save_pretrained(tmp_path / "bert")
    tiny.tokenizer(tmp_path).save_pretrained(tmp_path / "bert")
    transformer = modules.Transformer(str(tmp_path / "bert"))
    pooling = modules.Pooling(transformer.get_embedding_dimension())
    model = SentenceTransformer(modules=[transformer, pooling], device="cpu")
    save_model(model, tmp_path / "ours")
    mlflow.sentence_transformers.save_model(
        model, str(tmp_path / "theirs"), pip_requirements=["sentence-transformers"], signature=None
    )
    data = pd.DataFrame({"text": TEXTS})
    for answer in [load(str(tmp_path / side)).predict(data) for side in ("ours", "theirs") for load in BOTH]:
        np.testing.assert_allclose(answer, model.encode(TEXTS), rtol=1e-5)
