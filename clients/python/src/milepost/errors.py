"""Everything that the client raises for what a server says or fails to say.

    MilepostError
    +- CancelledError, UnknownError, UnauthenticatedError, UnimplementedError, DataLossError
    +- InvalidArgumentError     BadFilter, BadOrderBy, BadPageToken, BadPath, ChecksumMismatch, RequestIdReused,
    |                           BadModelSource, BadWebhookUrl
    +- NotFoundError            ExperimentNotFound, RunNotFound, MetricNotFound, ArtifactNotFound, UploadNotFound,
    |                           TagNotFound, ModelNotFound, ModelVersionNotFound, AliasNotFound, LoggedModelNotFound,
    |                           WebhookNotFound
    +- AlreadyExistsError       ExperimentExists, RunExists, ParamConflict, ArtifactConflict, ModelExists,
    |                           LoggedModelExists
    +- FailedPreconditionError  ExperimentDeleted, RunDeleted, NotDeleted, OffsetMismatch, LoggedModelNotReady,
    |                           LoggedModelIncomplete, LoggedModelFinal, LoggedModelDeleted, ModelInUse,
    |                           ModelVersionReady, CopyCycle
    +- AbortedError             EtagMismatch, AliasMoved
    +- OutOfRangeError, PermissionDeniedError, DeadlineExceededError, InternalError
    +- ResourceExhaustedError   StorageFull, TooManyRequests
    +- UnavailableError
    +- RunAlreadyActive, LoggingError: raised by the fluent API itself
    +- ModelError               ModelFormatError, ModelCorrupt, UnknownFlavor, MissingPackage, UntrustedModel,
                                SchemaMismatch, BadModelUri: raised by `milepost.models` itself

The class follows from the status code and, for reasons that people catch, from the reason. Other reasons are told apart
by `reason`, one of the names of `milepost.v1.ErrorReason` without its prefix. Texts may change, reasons do not.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import grpc
    from google.rpc.status_pb2 import Status

_DETAILS_KEY = "grpc-status-details-bin"


class MilepostWarning(UserWarning):
    """Something logged in the background was refused or lost; training goes on."""


class MilepostError(Exception):
    """A call failed.

    Args:
        message: What is wrong and what to do. For people; it may change.
        reason: Stable name of the cause, such as `RUN_NOT_FOUND`. Empty when the transport failed, not the server.
        metadata: The variables of the message. Stable.
        violations: The request's fields at fault, as `(field, description)`.
        retry_after_s: When the server advises to try again, in seconds. None without advice.
        call_id: Names the call in the server's log.
    """

    retriable = False
    """Whether the same request may succeed later."""

    def __init__(
        self,
        message: str,
        *,
        reason: str = "",
        metadata: dict[str, str] | None = None,
        violations: Iterable[tuple[str, str]] = (),
        retry_after_s: float | None = None,
        call_id: str = "",
    ) -> None:
        super().__init__(message)
        self.reason = reason
        self.metadata = metadata or {}
        self.violations = list(violations)
        self.retry_after_s = retry_after_s
        self.call_id = call_id


class CancelledError(MilepostError):
    """The call was cancelled, for example because its client was closed."""


class UnknownError(MilepostError):
    """The other end failed without saying how."""


class InvalidArgumentError(MilepostError):
    """The request is wrong; `violations` names fields. Repeating it does not help."""


class DeadlineExceededError(MilepostError):
    """The call took longer than its timeout. Whether it was carried out is not known."""

    retriable = True


class NotFoundError(MilepostError):
    """What the request names does not exist."""


class AlreadyExistsError(MilepostError):
    """What the request would create is there."""


class PermissionDeniedError(MilepostError):
    """The caller may not do this."""


class ResourceExhaustedError(MilepostError):
    """A limit of the server was reached, such as the size of a message."""


class FailedPreconditionError(MilepostError):
    """The state of the resource forbids the request until something else is done."""


class AbortedError(MilepostError):
    """A concurrent call won. Read again and repeat."""

    retriable = True


class OutOfRangeError(MilepostError):
    """The range begins past the end of the artifact."""


class UnimplementedError(MilepostError):
    """The server does not know the method; it is probably older than this client."""


class InternalError(MilepostError):
    """A defect of the server; its log has the details under `metadata['errorId']`."""


class UnavailableError(MilepostError):
    """The server, or something it needs, does not answer now."""

    retriable = True


class DataLossError(MilepostError):
    """Stored bytes are damaged."""


class UnauthenticatedError(MilepostError):
    """The call carries no credentials that the server accepts."""


class BadFilter(InvalidArgumentError):
    """The filter cannot be read; `metadata['column']` says where, from 1."""


class BadOrderBy(InvalidArgumentError):
    """The order cannot be read; `metadata['column']` says where, from 1."""


class BadPageToken(InvalidArgumentError):
    """The page token belongs to another query."""


class BadPath(InvalidArgumentError):
    """The artifact path is not allowed."""


class ChecksumMismatch(InvalidArgumentError):
    """The bytes received do not have the SHA-256 declared for them; nothing was stored or kept."""


class RequestIdReused(InvalidArgumentError):
    """The `request_id` was used before for another request."""


class BadModelSource(InvalidArgumentError):
    """Not exactly one source of a version is given, or it is of another form."""


class BadWebhookUrl(InvalidArgumentError):
    """The server sends no events to this URL."""


class BadModelInput(InvalidArgumentError):
    """Data or params are not those of the served model; `metadata['field']` names a single one at fault."""


class ExperimentNotFound(NotFoundError):
    """No experiment has this id or name."""


class RunNotFound(NotFoundError):
    """No run has this id."""


class MetricNotFound(NotFoundError):
    """The run has no metric of this key."""


class ArtifactNotFound(NotFoundError):
    """The run has no artifact at this path."""


class UploadNotFound(NotFoundError):
    """No unfinished upload has this id: it was completed, or expired."""


class TagNotFound(NotFoundError):
    """The resource has no tag of this key."""


class ModelNotFound(NotFoundError):
    """No registered model has this name."""


class ModelVersionNotFound(NotFoundError):
    """The registered model has no version of this number."""


class AliasNotFound(NotFoundError):
    """The registered model has no such alias."""


class LoggedModelNotFound(NotFoundError):
    """No logged model has this id."""


class WebhookNotFound(NotFoundError):
    """No webhook has this id."""


class ServedModelNotFound(NotFoundError):
    """The model server serves no model of this name, or no such version of it."""


class ExperimentExists(AlreadyExistsError):
    """Another experiment, perhaps a deleted one, has this name."""


class RunExists(AlreadyExistsError):
    """Another run, perhaps a deleted one, has this id."""


class ParamConflict(AlreadyExistsError):
    """The param has another value; `metadata` has `key`, `stored` and `given`."""


class ArtifactConflict(AlreadyExistsError):
    """A file is in the way of a directory or the other way round."""


class ModelExists(AlreadyExistsError):
    """Another registered model has this name."""


class LoggedModelExists(AlreadyExistsError):
    """Another logged model, perhaps a deleted one, has this id."""


class ExperimentDeleted(FailedPreconditionError):
    """The experiment is deleted; restore it first."""


class RunDeleted(FailedPreconditionError):
    """The run is deleted; restore it first."""


class NotDeleted(FailedPreconditionError):
    """Only what is deleted can be purged."""


class OffsetMismatch(FailedPreconditionError):
    """A resumed upload does not begin where the server stands, at `metadata['committedSize']`."""


class LoggedModelNotReady(FailedPreconditionError):
    """The upload of the model has not ended, or was given up."""


class LoggedModelIncomplete(FailedPreconditionError):
    """The files on the server are not those of the list; the message names the first ones."""


class LoggedModelFinal(FailedPreconditionError):
    """The files of the model cannot be changed any more."""


class LoggedModelDeleted(FailedPreconditionError):
    """The logged model is deleted; restore it first."""


class ModelInUse(FailedPreconditionError):
    """Versions of registered models consist of the logged model."""


class ModelVersionReady(FailedPreconditionError):
    """A ready version stays ready."""


class CopyCycle(FailedPreconditionError):
    """The version comes from the destination of the copy, at once or through other copies."""


class ModelCannotStream(FailedPreconditionError):
    """The served model does not answer piece by piece."""


class ModelNotLoadable(FailedPreconditionError):
    """The model server could not load the version, or it did not answer its input example."""


class NoPreviousVersion(FailedPreconditionError):
    """No version of the served model was live before."""


class NothingToFollow(FailedPreconditionError):
    """The source of the served model names no alias."""


class EtagMismatch(AbortedError):
    """The resource changed since its `etag` was read. Read it again; repeating the same request does not help."""

    retriable = False


class AliasMoved(AbortedError):
    """The alias does not point to the expected version. Read it again; repeating the same request does not help."""

    retriable = False


class StorageFull(ResourceExhaustedError):
    """The disk of the server is full. Reading goes on."""

    retriable = True


class TooManyRequests(ResourceExhaustedError):
    """Too many calls at once; `retry_after_s` says when to try again."""

    retriable = True


class ModelFailed(UnknownError):
    """The served model raised an error, of the class `metadata['errorKind']`; the server's log has the rest."""


class WorkerLost(UnavailableError):
    """The process of the served model ended while it had the request, perhaps because of it."""


class RegistryUnavailable(UnavailableError):
    """The registry of the model server does not answer now."""


class RunAlreadyActive(MilepostError):
    """A run is active already; end it first or nest the new one."""


class LoggingError(MilepostError):
    """Strict mode: something logged in the background was refused or lost. The cause is chained where there is one."""


class ModelError(MilepostError):
    """A model cannot be saved, loaded or asked."""


class EvaluationFailed(ModelError):
    """A model does not meet its thresholds.

    Attributes:
        metrics: Names of the metrics that are not good enough.
    """

    def __init__(self, message: str, *, metrics: tuple[str, ...]) -> None:
        super().__init__(message)
        self.metrics = metrics


class BadModelUri(ModelError):
    """What says where a model is has no form that is known; the message says what to write."""


class ModelFormatError(ModelError):
    """The descriptor or the files of a model are wrong; the message names the file and the field."""


class ModelCorrupt(ModelError):
    """Files are missing, extra or not those that were saved.

    Args:
        message: What is wrong and what to do.
        paths: All files at fault, relative to the model's folder.
    """

    def __init__(self, message: str, paths: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.paths = list(paths)


class UnknownFlavor(ModelError):
    """No flavor has this name, or none takes this object."""


class MissingPackage(ModelError):
    """A package that the flavor needs is not installed.

    Args:
        package: The package as it is imported, such as `sklearn`.
        extra: The extra of `milepost-client` that installs it.
    """

    def __init__(self, package: str, extra: str) -> None:
        super().__init__(f"The package {package!r} is not installed: pip install 'milepost-client[{extra}]'")
        self.package = package
        self.extra = extra

    def __reduce__(self) -> tuple[type[MissingPackage], tuple[str, str]]:
        return type(self), (self.package, self.extra)


class UntrustedModel(ModelError):
    """Loading the model would run code that comes with it, and the reader did not allow that.

    Args:
        what: What would run, as a part of a sentence: "'model.pkl' is a pickle, and loading it runs code".
    """

    def __init__(self, what: str) -> None:
        super().__init__(
            f"{what}. If you trust where the model comes from, pass trust=True, or --trust on the command line."
        )
        self.what = what

    def __reduce__(self) -> tuple[type[UntrustedModel], tuple[str]]:
        return type(self), (self.what,)


class SchemaMismatch(ModelError):
    """Data or params are not what the model's signature says.

    Args:
        message: What was expected, what came, and what to do.
        field: Name of the column, tensor or param at fault; empty when the data as a whole are.
    """

    def __init__(self, message: str, field: str = "") -> None:
        super().__init__(message)
        self.field = field


# Indexed by the number of the status code (google.rpc.Code). 0 is OK and never an error.
_BY_CODE: tuple[type[MilepostError], ...] = (
    UnknownError,
    CancelledError,
    UnknownError,
    InvalidArgumentError,
    DeadlineExceededError,
    NotFoundError,
    AlreadyExistsError,
    PermissionDeniedError,
    ResourceExhaustedError,
    FailedPreconditionError,
    AbortedError,
    OutOfRangeError,
    UnimplementedError,
    InternalError,
    UnavailableError,
    DataLossError,
    UnauthenticatedError,
)

_BY_REASON: dict[str, type[MilepostError]] = {
    "BAD_FILTER": BadFilter,
    "BAD_ORDER_BY": BadOrderBy,
    "BAD_PAGE_TOKEN": BadPageToken,
    "BAD_PATH": BadPath,
    "CHECKSUM_MISMATCH": ChecksumMismatch,
    "REQUEST_ID_REUSED": RequestIdReused,
    "EXPERIMENT_NOT_FOUND": ExperimentNotFound,
    "RUN_NOT_FOUND": RunNotFound,
    "METRIC_NOT_FOUND": MetricNotFound,
    "ARTIFACT_NOT_FOUND": ArtifactNotFound,
    "UPLOAD_NOT_FOUND": UploadNotFound,
    "TAG_NOT_FOUND": TagNotFound,
    "EXPERIMENT_EXISTS": ExperimentExists,
    "RUN_EXISTS": RunExists,
    "PARAM_CONFLICT": ParamConflict,
    "ARTIFACT_CONFLICT": ArtifactConflict,
    "EXPERIMENT_DELETED": ExperimentDeleted,
    "RUN_DELETED": RunDeleted,
    "NOT_DELETED": NotDeleted,
    "OFFSET_MISMATCH": OffsetMismatch,
    "ETAG_MISMATCH": EtagMismatch,
    "STORAGE_FULL": StorageFull,
    "TOO_MANY_REQUESTS": TooManyRequests,
    "BAD_MODEL_SOURCE": BadModelSource,
    "BAD_WEBHOOK_URL": BadWebhookUrl,
    "MODEL_NOT_FOUND": ModelNotFound,
    "MODEL_VERSION_NOT_FOUND": ModelVersionNotFound,
    "ALIAS_NOT_FOUND": AliasNotFound,
    "LOGGED_MODEL_NOT_FOUND": LoggedModelNotFound,
    "WEBHOOK_NOT_FOUND": WebhookNotFound,
    "MODEL_EXISTS": ModelExists,
    "LOGGED_MODEL_EXISTS": LoggedModelExists,
    "LOGGED_MODEL_NOT_READY": LoggedModelNotReady,
    "LOGGED_MODEL_INCOMPLETE": LoggedModelIncomplete,
    "LOGGED_MODEL_FINAL": LoggedModelFinal,
    "LOGGED_MODEL_DELETED": LoggedModelDeleted,
    "MODEL_IN_USE": ModelInUse,
    "MODEL_VERSION_READY": ModelVersionReady,
    "COPY_CYCLE": CopyCycle,
    "ALIAS_MOVED": AliasMoved,
    "SERVED_MODEL_NOT_FOUND": ServedModelNotFound,
    "BAD_MODEL_INPUT": BadModelInput,
    "MODEL_FAILED": ModelFailed,
    "WORKER_LOST": WorkerLost,
    "MODEL_CANNOT_STREAM": ModelCannotStream,
    "MODEL_NOT_LOADABLE": ModelNotLoadable,
    "NO_PREVIOUS_VERSION": NoPreviousVersion,
    "NOTHING_TO_FOLLOW": NothingToFollow,
    "REGISTRY_UNAVAILABLE": RegistryUnavailable,
}


def error_class(code: int, reason: str) -> type[MilepostError]:
    """The class for a status code and a reason; a reason under an unexpected code does not count."""
    by_code = _BY_CODE[code] if 0 <= code < len(_BY_CODE) else UnknownError
    by_reason = _BY_REASON.get(reason, by_code)
    return by_reason if issubclass(by_reason, by_code) else by_code


# grpc.aio says so, in place of the status that the server sent, when an upload is refused before all of it has left
# (grpc/grpc#36066). What the server meant is learned by asking again.
_LOST_STATUS = "Internal error from Core"
_UNAVAILABLE = 14


def from_rpc_error(raised: grpc.RpcError, call_id: str = "") -> MilepostError:
    """The error of this tree for a transport error of grpcio, synchronous or not. Does not raise it."""
    code: int = raised.code().value[0]
    if raised.details() == _LOST_STATUS:
        code = _UNAVAILABLE
    message: str = raised.details() or f"The call failed with status {raised.code().name}."
    trailing: Iterable[tuple[str, Any]] = raised.trailing_metadata() or ()  # type: ignore[assignment]  # named tuples
    for key, value in trailing:
        if key == _DETAILS_KEY:
            return _from_details(code, message, value, call_id)
    return error_class(code, "")(message, call_id=call_id)


def from_status(status: Status, call_id: str = "") -> MilepostError:
    """The error of this tree for a status with its details. Does not raise it."""
    from google.protobuf.message import DecodeError
    from google.rpc import error_details_pb2

    info = error_details_pb2.ErrorInfo()
    bad_request = error_details_pb2.BadRequest()
    retry = error_details_pb2.RetryInfo()
    try:
        for detail in status.details:
            for known in (info, bad_request, retry):
                detail.Unpack(known)
    except DecodeError:
        return error_class(status.code, "")(status.message, call_id=call_id)
    return error_class(status.code, info.reason)(
        status.message,
        reason=info.reason,
        metadata=dict(info.metadata),
        violations=[(v.field, v.description) for v in bad_request.field_violations],
        retry_after_s=retry.retry_delay.ToTimedelta().total_seconds() if retry.HasField("retry_delay") else None,
        call_id=call_id,
    )


def _from_details(code: int, message: str, serialized: bytes, call_id: str) -> MilepostError:
    from google.protobuf.message import DecodeError
    from google.rpc import status_pb2

    try:
        details = status_pb2.Status.FromString(serialized).details
    except DecodeError:
        details = ()
    # The transport's own code and text hold, even where a proxy changed them.
    return from_status(status_pb2.Status(code=code, message=message, details=details), call_id)
