"""What callers are told when the store fails. Details, server paths among them, go to the log only."""

from __future__ import annotations

import errno
import logging
from collections.abc import Iterator
from contextlib import contextmanager

from milepost import v1 as pb
from milepost_server.errors import (
    Aborted,
    AlreadyExists,
    DataLoss,
    DomainError,
    FailedPrecondition,
    InvalidArgument,
    NotFound,
    ResourceExhausted,
    Unavailable,
    invalid_field,
)
from milepost_server.storage.artifacts.path import ArtifactPath

_log = logging.getLogger(__name__)
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})


@contextmanager
def translated(action: str) -> Iterator[None]:
    """Turns every failure of the block into a `DomainError`; `action` names the operation in the log.

    Raises:
        ResourceExhausted: `STORAGE_FULL`, the disk or the quota is used up.
        Unavailable: `ARTIFACT_STORE_UNAVAILABLE`, anything else: the drivers of object stores share no exception type.
    """
    try:
        yield
    except DomainError:
        raise
    except Exception as error:
        _log.warning("artifact store failed", exc_info=error, extra={"action": action})
        if isinstance(error, OSError) and error.errno in _FULL:
            raise ResourceExhausted(
                "The artifact store is full. Free some room there and repeat; reading still works.",
                reason=pb.ERROR_REASON_STORAGE_FULL,
            ) from error
        raise Unavailable(
            "The artifact store does not answer. Repeat later; the server's log has the details.",
            reason=pb.ERROR_REASON_ARTIFACT_STORE_UNAVAILABLE,
        ) from error


def not_found(path: ArtifactPath) -> NotFound:
    """There is no file at `path`."""
    return NotFound(
        f"The run has no artifact {str(path)!r}. List its artifacts to see what it has.",
        reason=pb.ERROR_REASON_ARTIFACT_NOT_FOUND,
        metadata={"path": str(path)},
    )


def conflict(path: ArtifactPath, obstacle: str) -> AlreadyExists:
    """`obstacle`, such as "a directory", is where `path` or one of its folders would be."""
    return AlreadyExists(
        f"The artifact {str(path)!r} cannot be stored: {obstacle} is in its way. "
        "Choose another path or delete that first.",
        reason=pb.ERROR_REASON_ARTIFACT_CONFLICT,
        metadata={"path": str(path)},
    )


def link_in_the_way(path: ArtifactPath) -> InvalidArgument:
    """A symbolic link is on the way to `path`; it might lead out of the store, so it is not followed."""
    return invalid_field(
        "path",
        f"{str(path)!r} leads through a symbolic link in the artifact store; choose another path",
        reason=pb.ERROR_REASON_BAD_PATH,
        path=str(path),
    )


def offset_mismatch(offset: int, committed_size: int) -> FailedPrecondition:
    """The store holds `committed_size` bytes of the upload and the caller wants to go on at `offset`."""
    return FailedPrecondition(
        f"offset: {offset} is not where the upload stands; go on at {committed_size}.",
        reason=pb.ERROR_REASON_OFFSET_MISMATCH,
        metadata={"offset": str(offset), "committedSize": str(committed_size)},
    )


def upload_in_progress() -> Aborted:
    """Another call is writing the same upload."""
    return Aborted("Another call is writing this upload. Repeat when it has ended.")


def corrupt(path: ArtifactPath) -> DataLoss:
    """The bytes stored for `path` are not those that were uploaded."""
    return DataLoss(
        f"The stored bytes of the artifact {str(path)!r} are not those that were uploaded. Upload it again.",
        reason=pb.ERROR_REASON_ARTIFACT_CORRUPT,
        metadata={"path": str(path)},
    )
