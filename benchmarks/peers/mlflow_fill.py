"""Fills an MLflow database with registered models. Run by an interpreter that has MLflow, and none of this project."""

from __future__ import annotations

import sys

from mlflow.store.model_registry.sqlalchemy_store import SqlAlchemyStore


def _main() -> None:
    url, models, versions, source = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
    store = SqlAlchemyStore(url)
    for number in range(models):
        name = f"model-{number}"
        store.create_registered_model(name)
        for _ in range(versions):
            store.create_model_version(name, source)
        store.set_registered_model_alias(name, "champion", 2)


if __name__ == "__main__":
    _main()
