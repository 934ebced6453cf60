"""Files of logged models."""

from __future__ import annotations

from collections.abc import Mapping

from milepost import v1 as pb
from support.api import Api
from support.values import sha256

FILES = {"MLmodel": b"flavors: {}\n", "data/model.skops": b"weights", "data/empty": b""}


def listed(files: Mapping[str, bytes]) -> list[pb.ModelFile]:
    """The list of files that finalizes a model."""
    return [pb.ModelFile(path=path, size=len(content), sha256=sha256(content)) for path, content in files.items()]


async def upload_files(api: Api, model: pb.LoggedModel, files: Mapping[str, bytes]) -> None:
    """Uploads the files of a model."""
    for path, content in files.items():
        await api.upload_artifact(model.run_id, f"{model.path}/{path}", content)


async def ready_model(api: Api, run_id: str, name: str = "model", files: Mapping[str, bytes] = FILES) -> pb.LoggedModel:
    """A model of a run with its files."""
    model = await api.create_logged_model(run_id, name)
    await upload_files(api, model, files)
    return await api.finalize_logged_model(model.model_id, files=listed(files))
