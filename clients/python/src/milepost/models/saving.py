"""Saves models: the flavor's files, and everything about them, in a folder that appears whole or not at all."""

from __future__ import annotations

import os
import platform
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

from milepost._version import __version__
from milepost.errors import ModelError, ModelFormatError
from milepost.models import _code
from milepost.models.environments._imports import brought_by, imported_by
from milepost.models.environments.environment import DESCRIPTOR_ENTRY, read_environment, write_environment
from milepost.models.environments.requirements import INFER, chosen, infer_requirements
from milepost.models.environments.updating import rewrite
from milepost.models.flavors import PYTHON_FUNCTION, find_flavor, get_flavor
from milepost.models.flavors._options import chosen_format
from milepost.models.flavors.base import Flavor, LoadOptions, Saved, SaveOptions
from milepost.models.format._folders import appearing
from milepost.models.format.descriptor import ModelDescriptor
from milepost.models.format.manifest import write_manifest

if TYPE_CHECKING:
    from milepost.models.signatures.signature import ModelSignature

MODEL_CARD = "model_card.md"
OWN_LOADER = "milepost.pyfunc"
"""The module by which MLflow loads a model of which it has no flavor of its own."""


@dataclass(frozen=True)
class Request:
    """What the caller of `save_model` said, beside the model and the place."""

    format: str | None = None
    signature: ModelSignature | None = None
    input_example: Any = None
    requirements: str | Path | Sequence[str] | None = None
    extra_requirements: str | Path | Sequence[str] = ()
    code_paths: Sequence[str | Path] = ()
    metadata: Mapping[str, Any] | None = None
    name: str | None = None
    model_card: str | None = None
    lock: bool = False
    run_id: str = ""
    model_id: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)


def save_model(
    model: Any,
    path: str | os.PathLike[str],
    *,
    flavor: str | None = None,
    format: str | None = None,
    signature: ModelSignature | None = None,
    input_example: Any = None,
    requirements: str | Path | Sequence[str] | None = None,
    extra_requirements: str | Path | Sequence[str] = (),
    code_paths: Sequence[str | Path] = (),
    metadata: Mapping[str, Any] | None = None,
    name: str | None = None,
    model_card: str | None = None,
    lock: bool = False,
    run_id: str = "",
    model_id: str = "",
    **options: Any,
) -> ModelDescriptor:
    """Saves a model as a folder, which appears complete or not at all.

    Args:
        model: An object of a library that has a flavor, an object with `predict`, a function, or the path of a script
            (`model.py`) that calls `milepost.models.set_model`.
        path: The folder to make. Its parent folders are made; it must not exist.
        flavor: Saves by this flavor instead of the first that takes the model.
        format: How to store it, as the flavor's table in the guide says. The default of each flavor is read without
            running code; `pickle` and `cloudpickle` are used only when they are asked for.
        signature: What the model takes and gives. None: inferred from the example and the answer to it; of a model
            written in Python without example, from the type hints of its `predict`.
        input_example: A small batch, or a pair of a batch and params. The saved model is loaded and must answer it.
        requirements: Lines of `requirements.txt`, or the path of such a file, in place of those found: what the flavor
            needs, what Python files of the model import, and the library of the example's data. `"infer"` adds what
            loading the model and answering the example import in a new process, which takes seconds.
        extra_requirements: Lines besides these.
        code_paths: Modules and packages that the model imports and that no distribution has; copied.
        metadata: Your own values, of types that YAML has.
        name: Of the model, kept in the descriptor.
        model_card: Text in Markdown, for people who consider using the model; stored as `model_card.md`.
        lock: Whether to write `requirements.lock` too, with the versions of all that the requirements need in turn.
            Asks the package index, and needs uv.
        run_id: Id of the run that made the model.
        model_id: Id of the logged model that this is.
        **options: Options of the flavor.

    Returns:
        The descriptor that was written.

    Raises:
        UnknownFlavor: There is no flavor of this name, or none for such an object.
        ModelFormatError: The model cannot be stored as asked, an argument is wrong, or the path exists.
        ModelError: The model that was written does not answer the example.
        SchemaMismatch: The example does not have the signature.
    """
    target = Path(path)
    if target.exists() or target.is_symlink():
        raise ModelFormatError(f"{target} exists. Models are not overwritten: choose another path or remove it first.")
    chosen_flavor = get_flavor(flavor) if flavor is not None else find_flavor(model)
    if not chosen_flavor.accepts(model):
        raise ModelFormatError(f"The flavor {chosen_flavor.name} does not save a {type(model).__qualname__}.")
    request = Request(
        chosen_format(chosen_flavor, format), signature, input_example, requirements, extra_requirements, code_paths,
        metadata, name, model_card, lock, run_id, model_id, options,
    )  # fmt: skip
    with appearing(target) as folder:
        descriptor = _write(model, chosen_flavor, folder, request)
        return _with_inferred(folder, request) if requirements == INFER else descriptor


def _with_inferred(folder: Path, request: Request) -> ModelDescriptor:
    """Adds what a process that loads the model, and lets it answer its example, really imports."""
    lines = list(read_environment(folder).requirements)
    inferred = infer_requirements(folder, lines, trust=True)
    return rewrite(folder, chosen((), lines, inferred), python=platform.python_version(), lock=request.lock)


def _write(model: Any, flavor: Flavor, folder: Path, request: Request) -> ModelDescriptor:
    saved = flavor.save(model, folder, SaveOptions(request.format, _example_data(request), request.options))
    has_code = _code.copy_code(request.code_paths, folder)
    needed = [*saved.requirements, *imported_by([folder]), *brought_by(_example_data(request))]
    given = None if request.requirements == INFER else request.requirements
    write_environment(folder, chosen(needed, given, request.extra_requirements), lock=request.lock)
    flavors = _entries(flavor, saved, has_code)
    signature, example = request.signature, None
    if request.input_example is not None:
        signature, example = _with_example(flavor, folder, flavors, request)
    elif signature is None:
        signature = _hinted(model, flavor)
    if request.model_card is not None:
        (folder / MODEL_CARD).write_text(request.model_card, encoding="utf-8")
    descriptor = ModelDescriptor(
        flavors=flavors,
        signature=signature,
        run_id=request.run_id,
        model_id=request.model_id,
        artifact_path=request.name or "",
        model_uuid=uuid.uuid4().hex,
        create_time=datetime.now(timezone.utc),
        metadata=request.metadata or {},
        input_example=example,
        size_bytes=sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()),
        milepost_version=__version__,
    )
    descriptor.write(folder)
    write_manifest(folder)
    return descriptor


def _example_data(request: Request) -> Any:
    from milepost.models.format.examples import split_example

    return split_example(request.input_example)[0]


def _entries(flavor: Flavor, saved: Saved, has_code: bool) -> dict[str, dict[str, Any]]:
    """The descriptor's entries of the flavor and of `python_function`, by which MLflow loads it."""
    code = {"code": _code.FOLDER} if has_code else {}
    data = {"data": saved.data} if saved.loader_module and saved.data else {}
    function = {
        **(saved.config if flavor.name == PYTHON_FUNCTION else {}),
        **data,
        **saved.pyfunc,
        "loader_module": saved.loader_module or OWN_LOADER,
        "python_version": platform.python_version(),
        "env": dict(DESCRIPTOR_ENTRY),
        **code,
    }
    return {flavor.name: {**saved.config, **code}, PYTHON_FUNCTION: function}


def _hinted(model: Any, flavor: Flavor) -> ModelSignature | None:
    if flavor.name != PYTHON_FUNCTION or isinstance(model, str | Path):
        return None
    from milepost.models.signatures.inference import signature_from_hints

    return signature_from_hints(getattr(model, "predict", model))


def _with_example(
    flavor: Flavor, folder: Path, flavors: Mapping[str, Mapping[str, Any]], request: Request
) -> tuple[ModelSignature, dict[str, Any]]:
    """Writes the example, once the model that was written has answered it; with the signature, given or inferred."""
    from milepost.models.format.examples import split_example, write_example
    from milepost.models.signatures.enforcement import compile_inputs, compile_params
    from milepost.models.signatures.inference import infer_signature

    data, params = split_example(request.input_example)
    checked, settings = data, params or {}
    if request.signature is not None:
        checked, settings = compile_inputs(request.signature)(data), compile_params(request.signature)(params)
    entry = flavors[flavor.name]
    model = flavor.load(folder, entry, LoadOptions(trust=True))
    try:
        answer = flavor.predictor(model, {**flavors[PYTHON_FUNCTION], **entry})(checked, settings)
    except Exception as failed:
        raise ModelError(f"The model does not answer its input example: {type(failed).__name__}: {failed}") from failed
    signature = request.signature or infer_signature(data, answer, params)
    return signature, write_example(folder, request.input_example)
