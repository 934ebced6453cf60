"""What of a model is code."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from milepost.models.format.descriptor import ModelDescriptor

_PICKLES = {".pkl", ".pickle", ".joblib"}


def code_to_trust(folder: Path, descriptor: ModelDescriptor) -> Iterator[str]:
    """What in the model would run when it is loaded, as far as that can be seen without loading it."""
    for name, config in descriptor.flavors.items():
        if config.get("model_code_path") is not None:
            yield f"the script {config['model_code_path']!r}"
        elif name == "python_function" and config.get("code"):
            yield f"the modules in {config['code']!r}"
        if config.get("serialization_format") in ("pickle", "cloudpickle"):
            yield f"flavor {name} is stored as {config['serialization_format']}"
    for path in sorted(folder.rglob("*")):
        if path.suffix in _PICKLES:
            yield f"the pickle {path.relative_to(folder).as_posix()!r}"
