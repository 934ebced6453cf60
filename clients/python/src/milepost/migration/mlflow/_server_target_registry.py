"""The registry into a live server of MLflow."""

from __future__ import annotations

from collections.abc import Callable

from milepost.migration.mlflow import entities
from milepost.migration.mlflow._server_entities import text
from milepost.migration.mlflow.mapping_registry import PROMPT_TAG
from milepost.migration.mlflow.rest import API, Json, MlflowRefused, Rest
from milepost.migration.report import Problems

_LARGEST_GAP = 1000
_TAKEN = "RESOURCE_ALREADY_EXISTS"


class RegistryTarget:
    """Makes registered models.

    Args:
        rest: The server.
        problems: What it does not take.
        places: What a version is made of there: `source`, `run_id`, `model_id`. None when its files are not there.
    """

    def __init__(self, rest: Rest, problems: Problems, places: Callable[[entities.ModelVersion], Json | None]) -> None:
        self._rest = rest
        self._problems = problems
        self._places = places

    def registered_model(self, given: entities.RegisteredModel) -> None:
        """Makes it, or completes the one of its name: versions that it has are left as they are."""
        body = {"name": given.name, "description": given.description, "tags": _entries(given.tags)}
        try:
            self._rest.post(f"{API}/registered-models/create", body)
        except MlflowRefused as error:
            if error.code != _TAKEN:
                raise
        made = set()
        for version in given.versions:
            if self._exists(version) or self._version(version):
                made.add(version.version)
        for alias, number in given.aliases.items():
            if number in made:
                self._rest.post(
                    f"{API}/registered-models/alias", {"name": given.name, "alias": alias, "version": str(number)}
                )

    def _exists(self, version: entities.ModelVersion) -> bool:
        try:
            self._rest.get(f"{API}/model-versions/get", {"name": version.name, "version": str(version.version)})
        except MlflowRefused as error:
            if not error.missing:
                raise
            return False
        return True

    def _version(self, given: entities.ModelVersion) -> bool:
        """Makes a version under its number, using up free ones before it. Returns whether it is there."""
        what = f"version {given.version} of {given.name}"
        place = self._places(given)
        if place is None:
            self._problems.add(what, "source", f"{given.source} is not exported; left out.")
            return False
        body = {"name": given.name, "description": given.description, "tags": _entries(given.tags), **place}
        for _ in range(_LARGEST_GAP):
            try:
                made = self._rest.post(f"{API}/model-versions/create", body)["model_version"]
            except MlflowRefused as error:
                if error.code != "INVALID_PARAMETER_VALUE":
                    raise
                self._problems.add(what, "source", f"refused, left out: {error}")
                return False
            number = int(text(made, "version"))
            if number == given.version:
                self._set_stage(given)
                return True
            self._rest.post(f"{API}/model-versions/delete", {"name": given.name, "version": str(number)}, verb="DELETE")
            if number > given.version:
                break
        self._problems.add(what, "version", "the server does not give out its number any more; left out.")
        return False

    def _set_stage(self, given: entities.ModelVersion) -> None:
        if given.stage == "None" or PROMPT_TAG in given.tags:
            return
        self._rest.post(
            f"{API}/model-versions/transition-stage",
            {
                "name": given.name,
                "version": str(given.version),
                "stage": given.stage,
                "archive_existing_versions": False,
            },
        )


def _entries(values: dict[str, str]) -> list[Json]:
    return [{"key": key, "value": value} for key, value in values.items()]
