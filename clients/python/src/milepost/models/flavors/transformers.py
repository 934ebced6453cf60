"""Hugging Face transformers: pipelines, with their weights as safetensors and their tokenizers beside them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from milepost.errors import ModelFormatError, SchemaMismatch, UntrustedModel
from milepost.models._lazy import require
from milepost.models._paths import inside

from ._batches import is_frame
from ._libraries import class_of
from ._options import chosen_format, refuse_unknown
from .base import LoadOptions, Predict, Saved, SaveOptions

EXTRA = "transformers"
# MLflow's names: of folders, and of arguments of `transformers.pipeline`.
MODEL = "model"
FOLDER = "components"
COMPONENTS = {
    "tokenizer": "PreTrainedTokenizerBase",
    "feature_extractor": "FeatureExtractionMixin",
    "image_processor": "BaseImageProcessor",
}


class TransformersFlavor:
    """Pipelines of transformers. Nothing is ever fetched from a hub, and code in the folder runs with trust only."""

    name = "transformers"
    formats: Sequence[str] = ("safetensors",)

    def accepts(self, model: object) -> bool:
        """Whether the object is a pipeline, or a model, which needs the options `task` and `tokenizer` to be one."""
        return class_of(model, "transformers", ["Pipeline", "PreTrainedModel"]) is not None

    def save(self, model: Any, folder: Path, options: SaveOptions) -> Saved:
        """Writes the folders `model` and `components`.

        Options: for a model that is no pipeline, `task` and the components it needs: `tokenizer`, `feature_extractor`,
        `image_processor`.
        """
        library = require("transformers", EXTRA)
        chosen_format(self, options.format)
        pipeline = self._as_pipeline(model, options.extra)
        pipeline.model.save_pretrained(folder / MODEL)
        found = {name: part for name in COMPONENTS if (part := getattr(pipeline, name, None)) is not None}
        for name, part in found.items():
            part.save_pretrained(folder / FOLDER / name)
        config = {
            "transformers_version": library.__version__,
            "task": pipeline.task,
            "instance_type": type(pipeline).__name__,
            "pipeline_model_type": type(pipeline.model).__name__,
            "source_model_name": pipeline.model.name_or_path or type(pipeline.model).__name__,
            "model_binary": MODEL,
            "torch_dtype": str(pipeline.model.dtype),
            "components": list(found),
            **{f"{name}_type": type(part).__name__ for name, part in found.items()},
        }
        requirements = ["transformers", "torch", "safetensors"]
        return Saved(config=config, loader_module="mlflow.transformers", data=None, requirements=requirements)

    def _as_pipeline(self, model: Any, extra: Mapping[str, Any]) -> Any:
        if class_of(model, "transformers", ["Pipeline"]):
            refuse_unknown(self, extra)
            return model
        refuse_unknown(self, extra, ["task", *COMPONENTS])
        if "task" not in extra:
            raise ModelFormatError(
                "A model alone is no pipeline: give task=, such as 'text-classification', and tokenizer=."
            )
        try:
            return require("transformers", EXTRA).pipeline(model=model, **extra)
        except (KeyError, ValueError, TypeError) as error:
            raise ModelFormatError(
                f"No pipeline {extra['task']!r} can be made of the {type(model).__name__}: {error}"
            ) from error

    def load(self, folder: Path, config: Mapping[str, Any], options: LoadOptions) -> Any:
        """A pipeline. Options are `device`, such as `cuda:0` (default: `cpu`), and `dtype`, such as `float16`."""
        library = require("transformers", EXTRA)
        refuse_unknown(self, options.extra, ["device", "dtype"])
        path = inside(folder, config.get("model_binary", MODEL), "flavors.transformers.model_binary")
        local = {"local_files_only": True, "trust_remote_code": options.trust}
        kind = _class(config, "pipeline_model_type", "PreTrainedModel")
        if not options.trust and not list(path.glob("*.safetensors")):
            raise UntrustedModel(f"{path.name} has no safetensors; other files of weights are pickles")
        parts = {name: _class(config, f"{name}_type", COMPONENTS[name]) for name in _components(config)}
        sources = {name: inside(folder, f"{FOLDER}/{name}", "flavors.transformers.components") for name in parts}
        try:
            model = kind.from_pretrained(
                path,
                dtype=options.extra.get("dtype", _dtype(config)),
                use_safetensors=None if options.trust else True,
                **local,
            )
            loaded = {name: part.from_pretrained(sources[name], **local) for name, part in parts.items()}
            device = options.extra.get("device", "cpu")
            return library.pipeline(config.get("task"), model=model, device=device, **loaded)
        except (OSError, ValueError, KeyError, TypeError, ImportError, RuntimeError) as error:
            raise ModelFormatError(f"transformers {library.__version__} cannot read the model: {error}") from error

    def predictor(self, model: Any, config: Mapping[str, Any]) -> Predict:
        """Takes what the pipeline takes, and answers as it does. Params are its arguments, such as `top_k`.

        A data frame of one column is a list of its values; one of several columns is a list of dicts, as pipelines with
        several inputs take them.
        """

        def predict(data: Any, params: Mapping[str, Any]) -> Any:
            try:
                return model(_items(data), **params)
            except (TypeError, ValueError) as error:
                if not params:
                    raise
                raise SchemaMismatch(f"The pipeline {model.task!r} does not take these params: {error}") from error

        return predict


def _class(config: Mapping[str, Any], field: str, base: str) -> Any:
    """The class that a field names. Only classes of the library's that can be loaded from a folder."""
    library = require("transformers", EXTRA)
    name = config.get(field)
    kind = getattr(library, name, None) if isinstance(name, str) and name.isidentifier() else None
    if not isinstance(kind, type) or not issubclass(kind, getattr(library, base)):
        raise ModelFormatError(f"MLmodel: flavors.transformers.{field} is {name!r}, not a {base} of transformers.")
    return kind


def _components(config: Mapping[str, Any]) -> list[str]:
    names = config.get("components", [])
    if not isinstance(names, list) or any(name not in COMPONENTS for name in names):
        raise ModelFormatError(
            f"MLmodel: flavors.transformers.components is {names!r}; there are {', '.join(COMPONENTS)}."
        )
    return names


def _dtype(config: Mapping[str, Any]) -> Any:
    """The type of the weights, such as `float16`; `auto` where MLflow kept none."""
    return str(config.get("torch_dtype") or "auto").removeprefix("torch.")


def _items(data: Any) -> Any:
    if is_frame(data):
        if len(data.columns) == 1:
            return data[data.columns[0]].to_list()
        return data.to_dict(orient="records") if hasattr(data, "iloc") else data.to_dicts()
    return data.tolist() if hasattr(data, "tolist") and data.dtype.kind in "OUT" else data
