"""The model registry in a folder `mlruns`: below `models`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from milepost.migration.mlflow._database_registry import DELETED_STAGE
from milepost.migration.mlflow._folder_files import FolderFiles, Meta, integer, text
from milepost.migration.mlflow.entities import ModelVersion, RegisteredModel

_PREFIX = "version-"


def registered_models(files: FolderFiles) -> Iterator[RegisteredModel]:
    """All registered models with their versions, by name."""
    for folder in files.folders(files.root / "models"):
        meta = files.meta(folder)
        if meta is None:
            continue
        found = [*_versions(files, folder, text(meta, "name"))]
        yield RegisteredModel(
            name=text(meta, "name") or folder.name,
            create_ms=integer(meta, "creation_timestamp"),
            update_ms=integer(meta, "last_updated_timestamp"),
            description=text(meta, "description"),
            tags=files.texts(folder / "tags"),
            aliases={
                alias: int(number)
                for alias, number in files.texts(folder / "aliases").items()
                if number.strip().isdecimal()
            },
            versions=[version for version in found if version.stage != DELETED_STAGE],
            last_number=max((version.version for version in found), default=0),
        )


def _versions(files: FolderFiles, folder: Path, name: str) -> Iterator[ModelVersion]:
    for path in files.folders(folder):
        number = path.name.removeprefix(_PREFIX)
        meta = files.meta(path) if path.name.startswith(_PREFIX) and number.isdecimal() else None
        if meta is not None:
            yield _version(int(number), name, meta, files.texts(path / "tags"))


def _version(number: int, name: str, meta: Meta, tags: dict[str, str]) -> ModelVersion:
    return ModelVersion(
        name=name,
        version=number,
        create_ms=integer(meta, "creation_timestamp"),
        update_ms=integer(meta, "last_updated_timestamp"),
        description=text(meta, "description"),
        user=text(meta, "user_id"),
        stage=text(meta, "current_stage") or "None",
        source=text(meta, "source"),
        storage_location=text(meta, "storage_location"),
        run_id=text(meta, "run_id"),
        run_link=text(meta, "run_link"),
        model_id=text(meta, "model_id"),
        status=text(meta, "status") or "READY",
        status_message=text(meta, "status_message"),
        tags=tags,
    )
