from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer import modules

from flavors.contract import FlavorContract
from flavors.pytorch import tiny
from milepost import errors, pyfunc
from milepost.models import load_model

TEXTS = ["good film", "bad bad film"]


class TestSentenceTransformers(FlavorContract):
    flavor = "sentence_transformers"
    packages = ("sentence_transformers",)
    safe_formats = ("safetensors",)

    @pytest.fixture(scope="class")
    @classmethod
    def model(cls, tmp_path_factory: pytest.TempPathFactory) -> Any:
        folder = tmp_path_factory.mktemp("bert")
        tiny.encoder().save_pretrained(folder)
        tiny.tokenizer(folder).save_pretrained(folder)
        transformer = modules.Transformer(str(folder))
        pooling = modules.Pooling(transformer.get_embedding_dimension())
        return SentenceTransformer(modules=[transformer, pooling], device="cpu")

    def make_data(self) -> Any:
        return TEXTS

    def predict_natively(self, model: Any, data: Any) -> Any:
        return model.encode(data)

    def test_one_text_is_a_batch_of_one(self, saved: Path, expected: Any) -> None:
        np.testing.assert_allclose(pyfunc.load_model(saved).predict(TEXTS[0]), expected[:1], rtol=1e-5)

    def test_params_are_those_of_encode(self, saved: Path) -> None:
        answer = pyfunc.load_model(saved).predict(TEXTS, {"normalize_embeddings": True})
        np.testing.assert_allclose(np.linalg.norm(answer, axis=1), 1, rtol=1e-5)
        with pytest.raises(errors.SchemaMismatch, match="colour"):
            pyfunc.load_model(saved).predict(TEXTS, {"colour": "red"})

    def test_modules_of_other_packages_need_trust(self, saved: Path, tmp_path: Path) -> None:
        shutil.copytree(saved, tmp_path / "model")
        path = tmp_path / "model" / "model.sentence_transformer" / "modules.json"
        modules = json.loads(path.read_text())
        modules[1]["type"] = "joblib.numpy_pickle"
        path.write_text(json.dumps(modules))
        with pytest.raises(errors.UntrustedModel, match="joblib"):
            load_model(tmp_path / "model", verify=False)
