"""The descriptor of a model: the file `MLmodel`. `docs/model-format.md` specifies it."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from milepost.errors import ModelFormatError
from milepost.models.format import _yaml
from milepost.models.signatures.signature import ModelSignature

FILE_NAME = "MLmodel"
MLFLOW_VERSION = "3.17.0"
"""The version of MLflow whose format is written."""

_OWN_KEY = "milepost"
_VERSION_KEY = "version"
_MAX_DEPTH = 50
_TEXTS = {
    "artifact_path": "artifact_path",
    "run_id": "run_id",
    "model_id": "model_id",
    "model_uuid": "model_uuid",
    "mlflow_version": "mlflow_version",
}


@dataclass(frozen=True)
class ModelDescriptor:
    """What a model's folder says about itself. Values are those of YAML: mappings with texts as keys, lists, scalars.

    Args:
        flavors: Ways to load the model, by name.
        signature: None when the model says nothing about its data.
        run_id: The run that made it; empty when none did.
        model_id: Of the logged model; empty when it is none.
        artifact_path: Where it lies below the run's artifacts, or its name; may be empty.
        model_uuid: Names this one writing of the model.
        create_time: With a time zone; None when the file does not say.
        metadata: The user's own.
        input_example: Which files hold the example, as MLflow's `saved_input_example_info`; None without example.
        size_bytes: Of all files; None when the file does not say.
        mlflow_version: The version of MLflow that wrote the file, or whose format it follows.
        milepost_version: The version of Milepost that wrote the file; empty when another program did.
        extra: All other keys of the file. They are kept when it is written again.
    """

    flavors: Mapping[str, Mapping[str, Any]]
    signature: ModelSignature | None = None
    run_id: str = ""
    model_id: str = ""
    artifact_path: str = ""
    model_uuid: str = ""
    create_time: datetime | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)
    input_example: Mapping[str, Any] | None = None
    size_bytes: int | None = None
    mlflow_version: str = MLFLOW_VERSION
    milepost_version: str = ""
    extra: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def read(cls, folder: str | os.PathLike[str]) -> ModelDescriptor:
        """Reads `MLmodel` of a folder.

        Raises:
            ModelFormatError: The folder has no such file, or it is wrong; the message names the key.
            MissingPackage: PyYAML is not installed.
        """
        return cls.from_yaml(_read_bounded(Path(folder) / FILE_NAME))

    def write(self, folder: str | os.PathLike[str]) -> None:
        """Writes `MLmodel` into a folder that exists, in place of the one that may be there.

        Raises:
            ModelFormatError: A value is of no type that YAML has.
        """
        content = self.to_yaml()
        new = Path(folder) / f".{FILE_NAME}.new"
        new.write_bytes(content)
        new.replace(Path(folder) / FILE_NAME)

    @classmethod
    def from_yaml(cls, content: bytes) -> ModelDescriptor:
        """Reads the content of an `MLmodel`.

        Raises:
            ModelFormatError: It is wrong; the message names the key.
        """
        keys = _mapping(_yaml.parse(content, FILE_NAME), "the file")
        own = _mapping(keys.pop(_OWN_KEY, None), _OWN_KEY)
        texts = {field: _text(keys.pop(key, None), key) for key, field in _TEXTS.items()}
        signature = _mapping(keys.pop("signature", None), "signature")
        example = keys.pop("saved_input_example_info", None)
        version = _text(own.pop(_VERSION_KEY, None), f"{_OWN_KEY}.{_VERSION_KEY}")
        return cls(
            flavors=_flavors(keys.pop("flavors", None)),
            signature=ModelSignature.from_dict(signature, f"{FILE_NAME}: signature") if signature else None,
            create_time=_time(keys.pop("utc_time_created", None)),
            metadata=_mapping(keys.pop("metadata", None), "metadata"),
            input_example=None if example is None else _mapping(example, "saved_input_example_info"),
            size_bytes=_size(keys.pop("model_size_bytes", None)),
            milepost_version=version,
            extra={**keys, _OWN_KEY: own} if own else keys,
            **texts,
        )

    def to_yaml(self) -> bytes:
        """The content of `MLmodel`. Equal descriptors give equal bytes.

        Raises:
            ModelFormatError: A value is of no type that YAML has.
        """
        keys: dict[str, Any] = {**self.extra, "flavors": self.flavors}
        keys.update({key: getattr(self, name) for key, name in _TEXTS.items() if getattr(self, name)})
        if self.signature is not None:
            keys["signature"] = self.signature.to_dict()
        if self.create_time is not None:
            utc = self.create_time.astimezone(timezone.utc).replace(tzinfo=None)
            keys["utc_time_created"] = utc.isoformat(sep=" ", timespec="microseconds")
        if self.metadata:
            keys["metadata"] = self.metadata
        if self.input_example is not None:
            keys["saved_input_example_info"] = self.input_example
        if self.size_bytes is not None:
            keys["model_size_bytes"] = self.size_bytes
        own = dict(self.extra.get(_OWN_KEY, {}))
        if self.milepost_version:
            own[_VERSION_KEY] = self.milepost_version
        if own:
            keys[_OWN_KEY] = own
        return _yaml.dump(_plain(keys), FILE_NAME)


def _read_bounded(path: Path) -> bytes:
    """The bytes of a regular file, one more than are allowed at most."""
    try:
        if not stat.S_ISREG(path.lstat().st_mode):
            raise ModelFormatError(f"{path} is not a regular file.")
        with path.open("rb") as file:
            return file.read(_yaml.MAX_BYTES + 1)
    except (FileNotFoundError, NotADirectoryError):
        raise ModelFormatError(f"{path.parent} is not a model's folder: it has no file {FILE_NAME!r}.") from None
    except OSError as failed:
        raise ModelFormatError(f"{path} cannot be read: {failed.strerror}.") from failed


def _plain(value: Any, depth: int = 0) -> Any:
    """The same with plain dicts and lists, which is all that a safe dumper takes."""
    if depth > _MAX_DEPTH:
        raise ModelFormatError(f"{FILE_NAME}: values hold themselves, or nest deeper than {_MAX_DEPTH} levels.")
    if isinstance(value, Mapping):
        for key in value:
            if not isinstance(key, str):
                raise ModelFormatError(f"{FILE_NAME}: the key {key!r:.100} is no text.")
        return {key: _plain(inner, depth + 1) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner, depth + 1) for inner in value]
    return value


def _flavors(value: object) -> dict[str, dict[str, Any]]:
    flavors = _mapping(value, "flavors")
    if not flavors:
        raise ModelFormatError(f"{FILE_NAME}: flavors is missing, so that nothing says how to load the model.")
    return {name: _mapping(config, f"flavors.{name}") for name, config in flavors.items()}


def _mapping(value: object, key: str) -> dict[str, Any]:
    """A mapping with texts as keys; empty for None."""
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise ModelFormatError(f"{FILE_NAME}: {key} must be a mapping, not {type(value).__name__}.")
    for inner in value:
        if not isinstance(inner, str):
            raise ModelFormatError(f"{FILE_NAME}: {key} has the key {inner!r:.100}, which is no text.")
    return value


def _text(value: object, key: str) -> str:
    if value is None:
        return ""
    if not isinstance(value, str):
        raise ModelFormatError(f"{FILE_NAME}: {key} must be a text, not {type(value).__name__} ({value!r:.100}).")
    return value


def _size(value: object) -> int | None:
    if value is None or (isinstance(value, int) and not isinstance(value, bool) and value >= 0):
        return value
    raise ModelFormatError(f"{FILE_NAME}: model_size_bytes must be a number of bytes, not {value!r:.100}.")


def _time(value: object) -> datetime | None:
    """MLflow writes a text without zone, in UTC; YAML makes a time of one that somebody unquoted."""
    if value is None:
        return None
    try:
        time = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
    except ValueError:
        raise ModelFormatError(
            f"{FILE_NAME}: utc_time_created is {value!r:.100}, not a time such as '2026-01-31 23:59:59.000000'."
        ) from None
    return time if time.tzinfo is not None else time.replace(tzinfo=timezone.utc)
