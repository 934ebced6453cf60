"""Where artifacts are: paths below the root of MLflow's proxy, as runs and paths of the native API."""

from __future__ import annotations

from typing import NamedTuple

from milepost import v1 as pb
from milepost_server.errors import invalid_field, quote
from milepost_server.mlflow import tags
from milepost_server.services.artifacts import ArtifactService
from milepost_server.services.refusals import run_not_found
from milepost_server.storage.artifacts import ArtifactPath

SCHEME = "mlflow-artifacts:"

_FOLDER = "artifacts"


class Place(NamedTuple):
    """A directory or file of a run.

    Args:
        run_id: The run.
        path: Below its artifact folder; empty for the folder itself.
    """

    run_id: str
    path: str


async def locate(artifacts: ArtifactService, path: str, field: str) -> Place:
    """The place that a path below the root of the proxy names: `EXPERIMENT/RUN/artifacts`, or below.

    Raises:
        InvalidArgument: `BAD_PATH`, or a path that is not of a run; `field` is where it came.
        NotFound: The experiment has no such run.
    """
    # Clients join the root and a path, which may be empty, by a slash.
    segments = path.rstrip("/").split("/", 3)
    if len(segments) < 3 or segments[2] != _FOLDER:
        raise invalid_field(
            field,
            f"{quote(path)} is not of the form EXPERIMENT/RUN/{_FOLDER}/PATH; artifacts are those of runs",
            reason=pb.ERROR_REASON_BAD_PATH,
        )
    experiment_id, run_id, _, *rest = segments
    if await artifacts.experiment_of(run_id) != experiment_id:
        raise run_not_found(run_id)
    return Place(run_id, str(ArtifactPath.parse(rest[0], field=field)) if rest else "")


async def proxied(artifacts: ArtifactService, place: Place) -> str:
    """The URI by which MLflow's clients reach a place."""
    experiment_id = await artifacts.experiment_of(place.run_id)
    return uri(experiment_id, place)


def uri_of(native: pb.Run | pb.LoggedModel, path: str = "") -> str:
    """Where the artifacts of a run or the files of a model are: elsewhere, or below the proxy at `path` of the run."""
    elsewhere = native.tags.get(tags.ARTIFACT_URI)
    return elsewhere or uri(native.experiment_id, Place(native.run_id, path))


def uri(experiment_id: str, place: Place) -> str:
    """The URI of a place in a known experiment."""
    root = f"{SCHEME}/{experiment_id}/{place.run_id}/{_FOLDER}"
    return f"{root}/{place.path}" if place.path else root
