from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch
import yaml
from transformers import pipeline

from flavors.contract import FlavorContract
from flavors.pytorch import tiny
from milepost import errors, pyfunc
from milepost.models import load_model, save_model

TEXTS = ["good film", "bad bad film"]


@pytest.fixture(scope="session", name="pipe")
def _pipe(tmp_path_factory: pytest.TempPathFactory) -> Any:
    words = tiny.tokenizer(tmp_path_factory.mktemp("words"))
    return pipeline("text-classification", model=tiny.classifier(), tokenizer=words, device="cpu")


class TestTransformers(FlavorContract):
    flavor = "transformers"
    packages = ("transformers", "torch")
    safe_formats = ("safetensors",)

    @pytest.fixture(scope="class")
    @classmethod
    def model(cls, pipe: Any) -> Any:
        return pipe

    def make_data(self) -> Any:
        return TEXTS

    def predict_natively(self, model: Any, data: Any) -> Any:
        return model(data)

    def assert_equal(self, answer: Any, expected: Any) -> None:
        assert answer == expected

    def test_a_column_of_texts_is_a_list_of_them(self, saved: Path, expected: Any) -> None:
        assert pyfunc.load_model(saved).predict(pd.DataFrame({"text": TEXTS})) == expected

    def test_params_are_those_of_the_pipeline(self, saved: Path) -> None:
        answer = pyfunc.load_model(saved).predict(TEXTS, {"top_k": 2})
        assert [len(labels) for labels in answer] == [2, 2]

    def test_a_class_that_is_no_model_is_refused(self, saved: Path, tmp_path: Path) -> None:
        _with_config(saved, tmp_path, pipeline_model_type="pipeline")
        with pytest.raises(errors.ModelFormatError, match="pipeline_model_type"):
            load_model(tmp_path / "model", verify=False)

    def test_code_in_the_folder_is_not_run(self, saved: Path, tmp_path: Path) -> None:
        _with_config(saved, tmp_path)
        config = json.loads((tmp_path / "model" / "model" / "config.json").read_text())
        config |= {"model_type": "own", "auto_map": {"AutoConfig": "own.Config", "AutoModel": "own.Model"}}
        (tmp_path / "model" / "model" / "config.json").write_text(json.dumps(config))
        (tmp_path / "model" / "model" / "own.py").write_text("raise SystemExit('ran')")
        load_model(tmp_path / "model", verify=False)

    def test_pickled_weights_need_trust(self, saved: Path, tmp_path: Path) -> None:
        _with_config(saved, tmp_path)
        (weights,) = (tmp_path / "model" / "model").glob("*.safetensors")
        weights.unlink()
        torch.save({}, tmp_path / "model" / "model" / "pytorch_model.bin")
        with pytest.raises(errors.UntrustedModel, match="safetensors"):
            load_model(tmp_path / "model", verify=False)


def _with_config(saved: Path, tmp_path: Path, **changes: Any) -> None:
    import shutil

    shutil.copytree(saved, tmp_path / "model")
    descriptor = yaml.safe_load((saved / "MLmodel").read_text())
    descriptor["flavors"]["transformers"].update(changes)
    (tmp_path / "model" / "MLmodel").write_text(yaml.safe_dump(descriptor))


def test_a_model_alone_becomes_a_pipeline(pipe: Any, tmp_path: Path) -> None:
    save_model(pipe.model, tmp_path / "model", task="text-classification", tokenizer=pipe.tokenizer)
    assert pyfunc.load_model(tmp_path / "model").predict(TEXTS) == pipe(TEXTS)
    with pytest.raises(errors.ModelFormatError, match="task="):
        save_model(pipe.model, tmp_path / "other")
