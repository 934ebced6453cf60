from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import spacy
from spacy.training import Example

from flavors.contract import FlavorContract
from milepost import errors, pyfunc
from milepost.models import load_model, save_model

TEXTS = ["what a fine film", "a dull and sad film", "fine and funny", "sad and slow"]


def categorizer() -> Any:
    pipeline = spacy.blank("en")
    pipeline.add_pipe("textcat")
    goods = [text.count("fine") for text in TEXTS]
    made = [
        Example.from_dict(pipeline.make_doc(text), {"cats": {"good": float(good), "bad": float(not good)}})
        for text, good in zip(TEXTS, goods, strict=True)
    ]
    optimizer = pipeline.initialize(lambda: made)
    for _ in range(3):
        pipeline.update(made, sgd=optimizer)
    return pipeline


class TestSpacy(FlavorContract):
    flavor = "spacy"
    packages = ("spacy",)
    safe_formats = ("spacy",)

    def make_model(self) -> Any:
        return categorizer()

    def make_data(self) -> Any:
        return TEXTS

    def predict_natively(self, model: Any, data: Any) -> Any:
        return [document.cats for document in model.pipe(data)]

    def assert_equal(self, answer: Any, expected: Any) -> None:
        assert answer == expected

    @pytest.mark.parametrize("batch", [np.array(TEXTS), np.array(TEXTS)[:, None], pd.DataFrame({"text": TEXTS})])
    def test_texts_come_in_arrays_and_columns_too(self, saved: Path, batch: Any, expected: Any) -> None:
        assert pyfunc.load_model(saved).predict(batch) == expected

    @pytest.mark.parametrize("batch", [[1, 2], 5, pd.DataFrame({"a": ["x"], "b": ["y"]})])
    def test_what_is_no_text_is_refused(self, saved: Path, batch: Any) -> None:
        with pytest.raises(errors.SchemaMismatch):
            pyfunc.load_model(saved).predict(batch)

    def test_params_are_those_of_pipe(self, saved: Path, expected: Any) -> None:
        assert pyfunc.load_model(saved).predict(TEXTS, {"batch_size": 2}) == expected
        with pytest.raises(errors.SchemaMismatch, match="colour"):
            pyfunc.load_model(saved).predict(TEXTS, {"colour": "red"})


def test_without_a_categorizer_the_answers_are_documents(tmp_path: Path) -> None:
    pipeline = spacy.blank("en")
    pipeline.add_pipe("entity_ruler").add_patterns([{"label": "CITY", "pattern": "Berlin"}])
    save_model(pipeline, tmp_path / "model")
    (document,) = pyfunc.load_model(tmp_path / "model").predict("in Berlin")
    assert document["ents"] == [{"start": 3, "end": 9, "label": "CITY"}]


def test_a_configuration_finds_only_what_is_registered(tmp_path: Path) -> None:
    save_model(categorizer(), tmp_path / "model")
    config = tmp_path / "model" / "model.spacy" / "config.cfg"
    config.write_text(config.read_text().replace("spacy.Tokenizer.v1", "os.system"))
    with pytest.raises(errors.ModelFormatError, match=r"os\.system"):
        load_model(tmp_path / "model", verify=False)
