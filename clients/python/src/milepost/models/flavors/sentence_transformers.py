"""sentence-transformers: encoders with their weights as safetensors."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from milepost.errors import ModelFormatError, SchemaMismatch, UntrustedModel
from milepost.models._lazy import require
from milepost.models._paths import inside

from ._batches import texts
from ._libraries import class_of
from ._options import chosen_format, refuse_unknown
from .base import LoadOptions, Predict, Saved, SaveOptions

DATA = "model.sentence_transformer"
EXTRA = "sentence-transformers"
LIBRARY = "sentence_transformers"


class SentenceTransformersFlavor:
    """Encoders of sentence-transformers. Nothing is fetched from a hub, and code in the folder runs with trust only."""

    name = "sentence_transformers"
    formats: Sequence[str] = ("safetensors",)

    def accepts(self, model: object) -> bool:
        """Whether the object is a `SentenceTransformer`."""
        return class_of(model, LIBRARY, ["SentenceTransformer"]) is not None

    def save(self, model: Any, folder: Path, options: SaveOptions) -> Saved:
        """Writes the folder `model.sentence_transformer`."""
        library = require(LIBRARY, EXTRA)
        refuse_unknown(self, options.extra)
        chosen_format(self, options.format)
        model.save_pretrained(str(folder / DATA), safe_serialization=True, create_model_card=False)
        return Saved(
            config={"sentence_transformers_version": library.__version__, "data": DATA},
            loader_module="mlflow.sentence_transformers",
            data=DATA,
            requirements=["sentence-transformers", "transformers", "torch"],
        )

    def load(self, folder: Path, config: Mapping[str, Any], options: LoadOptions) -> Any:
        """A `SentenceTransformer`. The option `device` is such as `cuda:0` (default: `cpu`)."""
        refuse_unknown(self, options.extra, ["device"])
        library = require(LIBRARY, EXTRA)
        path = inside(folder, config.get("data", DATA), f"flavors.{LIBRARY}.data")
        if not options.trust:
            _check_modules(path)
        try:
            return library.SentenceTransformer(
                str(path),
                device=options.extra.get("device", "cpu"),
                local_files_only=True,
                trust_remote_code=options.trust,
                model_kwargs={} if options.trust else {"use_safetensors": True},
            )
        except (OSError, ValueError, KeyError, TypeError, ImportError) as error:
            raise ModelFormatError(f"{path.name}: {LIBRARY} {library.__version__} cannot read it: {error}") from error

    def predictor(self, model: Any, config: Mapping[str, Any]) -> Predict:
        """Takes texts; answers with embeddings, shape `(texts, dimensions)`. Params are arguments of `encode`."""

        def predict(data: Any, params: Mapping[str, Any]) -> Any:
            try:
                return model.encode(texts(data), **{"show_progress_bar": False, **params})
            except (TypeError, ValueError) as error:
                if not params:
                    raise
                raise SchemaMismatch(f"Params are arguments of SentenceTransformer.encode: {error}") from error

        return predict


def _check_modules(path: Path) -> None:
    """Refuses models made of other classes than the library's own: importing those runs their code."""
    try:
        modules = json.loads(inside(path, "modules.json", f"flavors.{LIBRARY}").read_bytes())
        kinds = [module["type"] for module in modules]
    except (ValueError, TypeError, KeyError) as error:
        raise ModelFormatError(f"{path.name}/modules.json does not list modules: {error}") from error
    for kind in kinds:
        if not isinstance(kind, str) or not kind.startswith(f"{LIBRARY}."):
            raise UntrustedModel(f"The model is made of {kind!r}, whose code would be imported")
