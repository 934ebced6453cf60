"""The store of MLflow that a text names: a server, a database or a folder."""

from __future__ import annotations

from pathlib import Path

from milepost.migration.mlflow.entities import MlflowStore
from milepost.migration.mlflow.locations import Locations, scheme_of
from milepost.migration.report import Problems


def open_store(text: str, locations: Locations, workspace: str) -> MlflowStore:
    """Opens a store.

    Args:
        text: URL of a server (`http://…`) or of a database (`sqlite:///…`, `postgresql://…`, `mysql://…`), path of a
            file of SQLite, or of a folder `mlruns`.
        locations: Where artifacts are to be found.
        workspace: The workspace to read, where there are such.

    Raises:
        ImportError: A package is missing; the message says which extra has it.
        FileNotFoundError, ValueError: It is no store, or cannot be opened.
    """
    problems = Problems()
    scheme = scheme_of(text)
    if scheme in ("http", "https"):
        from milepost.migration.mlflow.server import ServerStore

        return ServerStore(text, problems, locations)
    if (not scheme and Path(text).is_dir()) or scheme == "file":
        return _folder(text, problems, locations)
    return _database(text, problems, locations, workspace)


def _folder(text: str, problems: Problems, locations: Locations) -> MlflowStore:
    from milepost._frames import load

    load("yaml", "import")
    from milepost.migration.mlflow.folder import FolderStore
    from milepost.migration.mlflow.locations import local_path

    return FolderStore(local_path(text) or Path(text), problems, locations)


def _database(text: str, problems: Problems, locations: Locations, workspace: str) -> MlflowStore:
    from milepost._frames import load

    load("sqlalchemy", "import")
    from milepost.migration.mlflow.database import DatabaseStore

    try:
        return DatabaseStore(text, problems, locations, workspace)
    except ModuleNotFoundError as error:  # SQLAlchemy names the driver's module
        raise ImportError(f"{scheme_of(text)} needs a driver: pip install {error.name}") from None
