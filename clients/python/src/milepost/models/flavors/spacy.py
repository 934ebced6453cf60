"""spaCy: pipelines as the folders that `Language.to_disk` writes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from milepost.errors import ModelFormatError, SchemaMismatch
from milepost.models._lazy import require
from milepost.models._paths import inside

from ._batches import texts
from ._libraries import class_of
from ._options import chosen_format, refuse_unknown
from .base import LoadOptions, Predict, Saved, SaveOptions

DATA = "model.spacy"
CATEGORIZERS = ("textcat", "textcat_multilabel")


class SpacyFlavor:
    """Pipelines of spaCy.

    A pipeline's configuration names functions that installed packages have registered with spaCy. It holds no code, and
    what is not registered is not found.
    """

    name = "spacy"
    formats: Sequence[str] = ("spacy",)

    def accepts(self, model: object) -> bool:
        """Whether the object is a `spacy.language.Language`."""
        return class_of(model, "spacy", ["Language"]) is not None

    def save(self, model: Any, folder: Path, options: SaveOptions) -> Saved:
        """Writes the folder `model.spacy`."""
        library = require("spacy", "spacy")
        refuse_unknown(self, options.extra)
        chosen_format(self, options.format)
        model.to_disk(folder / DATA)
        return Saved(
            config={"spacy_version": library.__version__, "data": DATA},
            # MLflow asks nothing but categorizers.
            loader_module="mlflow.spacy" if _categorizes(model) else None,
            data=DATA,
            requirements=["spacy"],
        )

    def load(self, folder: Path, config: Mapping[str, Any], options: LoadOptions) -> Any:
        """A `Language`. The option `exclude` names components that are not loaded."""
        library = require("spacy", "spacy")
        refuse_unknown(self, options.extra, ["exclude"])
        path = inside(folder, config.get("data", DATA), "flavors.spacy.data")
        for file in ("config.cfg", "meta.json"):
            inside(path, file, "flavors.spacy.data")
        try:
            return library.load(path, exclude=options.extra.get("exclude", ()))
        except (
            Exception
        ) as failed:  # spaCy, its parser of configurations and its registries have no exception in common
            raise ModelFormatError(f"{path.name}: spaCy {library.__version__} cannot read it: {failed}") from failed

    def predictor(self, model: Any, config: Mapping[str, Any]) -> Predict:
        """Takes texts; answers with a list of scores by category, or of documents when there is no categorizer.

        A document is what `Doc.to_json` gives: tokens, sentences, entities. Params are arguments of `Language.pipe`.
        """
        categorizes = _categorizes(model)

        def predict(data: Any, params: Mapping[str, Any]) -> Any:
            try:
                documents = list(model.pipe(texts(data), **params))
            except TypeError as error:
                raise SchemaMismatch(f"Params are arguments of spaCy's Language.pipe: {error}") from error
            return [document.cats if categorizes else document.to_json() for document in documents]

        return predict


def _categorizes(model: Any) -> bool:
    return any(model.get_pipe_meta(name).factory in CATEGORIZERS for name in model.pipe_names)
