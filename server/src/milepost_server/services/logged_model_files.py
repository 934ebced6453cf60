"""Rules of the files of logged models: when a list of them is right, and that they stay as they are from then on."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from milepost import v1 as pb
from milepost_server.errors import FailedPrecondition, invalid_field, quote
from milepost_server.services.model_digest import manifest_digest
from milepost_server.services.model_refusals import MOST_USES, files_final, model_in_use
from milepost_server.storage.artifacts import ArtifactPath
from milepost_server.storage.base import RunKey, Transaction
from milepost_server.storage.logged_models import StoredFile

_FOLDER = "models"
_ID_PREFIX = "m-"
# Paths that a message names at most.
_MOST_SHOWN = 5


class FileList:
    """The files of a model.

    Args:
        files: All of them, each path once.

    Attributes:
        sha256: The model's digest.
        size: Bytes of all files.
    """

    def __init__(self, files: Iterable[StoredFile]) -> None:
        self._files = {file.path: (file.size, file.sha256) for file in files}
        self.sha256 = manifest_digest((path, sha256) for path, (_, sha256) in self._files.items())
        self.size = sum(size for size, _ in self._files.values())

    def differences(self, stored: Iterable[StoredFile]) -> Differences:
        """How the stored files differ from the list."""
        found = {file.path: (file.size, file.sha256) for file in stored}
        if found == self._files:
            return Differences((), (), ())
        return Differences(
            missing=sorted(self._files.keys() - found.keys()),
            different=sorted(path for path, file in self._files.items() if found.get(path, file) != file),
            unlisted=sorted(found.keys() - self._files.keys()),
        )


def listed_files(files: Sequence[pb.ModelFile]) -> FileList:
    """The files that a client says a model has. Takes a while when there are many.

    Raises:
        InvalidArgument: There are none, one comes twice, or a path is none.
    """
    if not files:
        raise invalid_field(
            "files", "is empty; a ready model has at least one file", reason=pb.ERROR_REASON_REQUIRED_FIELD
        )
    listed: dict[str, StoredFile] = {}
    for index, file in enumerate(files):
        path = str(ArtifactPath.parse(file.path, field=f"files[{index}].path"))
        if path in listed:
            raise invalid_field(f"files[{index}].path", f"{quote(path)} is in the list already; name each file once")
        listed[path] = StoredFile(path, file.size, file.sha256)
    return FileList(listed.values())


@dataclass(frozen=True)
class Differences:
    """Paths of files that are listed only, have another size or digest, or are stored only."""

    missing: Sequence[str]
    different: Sequence[str]
    unlisted: Sequence[str]

    def __bool__(self) -> bool:
        return bool(self.missing or self.different or self.unlisted)

    def refusal(self, model_id: str) -> FailedPrecondition:
        """The error for a list that is not right."""
        parts = {
            "missing": self.missing,
            "of another size or digest": self.different,
            "not in the list": self.unlisted,
        }
        told = "; ".join(f"{len(paths)} {what}: {_shown(paths)}" for what, paths in parts.items() if paths)
        return FailedPrecondition(
            f"The files of logged model {model_id} are not those listed. {told}. Upload what is missing or different, "
            "delete what does not belong to the model, and finalize it again.",
            reason=pb.ERROR_REASON_LOGGED_MODEL_INCOMPLETE,
            metadata={
                "missing": str(len(self.missing)),
                "different": str(len(self.different)),
                "unlisted": str(len(self.unlisted)),
            },
        )


async def check_changeable(tx: Transaction, run: RunKey, path: ArtifactPath) -> None:
    """Refuses to add, replace or delete what ready models or versions of registered models consist of.

    The run must be locked for this to hold until the transaction ends.

    Raises:
        FailedPrecondition: `LOGGED_MODEL_FINAL` or `MODEL_IN_USE`.
    """
    for model_id in await _ready_models(tx, run, path):
        raise files_final(model_id)
    uses = await tx.model_uses.of_path(run.run_id, str(path), MOST_USES + 1)
    if uses:
        raise model_in_use(f"The artifact {str(path)!r} of run {run.run_id}", uses)


async def _ready_models(tx: Transaction, run: RunKey, path: ArtifactPath) -> Sequence[str]:
    """Ids of ready models that have files at, above or below a path."""
    match path.segments:
        case (folder, model_id, *_) if folder == _FOLDER and model_id.startswith(_ID_PREFIX):
            return [model_id] if await tx.logged_models.is_ready(run, model_id) else []
        case (folder,) if folder == _FOLDER:
            return await tx.logged_models.ready(run)
    return []


def _shown(paths: Sequence[str]) -> str:
    more = f" and {len(paths) - _MOST_SHOWN} more" if len(paths) > _MOST_SHOWN else ""
    return f"{', '.join(quote(path) for path in paths[:_MOST_SHOWN])}{more}"
