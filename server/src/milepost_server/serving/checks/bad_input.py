"""Errors for data that a model does not take. They name the field, and no value: inputs are private."""

from __future__ import annotations

from types import TracebackType

from milepost import v1 as pb
from milepost.errors import SchemaMismatch
from milepost.models.signatures._shown import HiddenValues
from milepost_server.errors import MAX_QUOTED, FieldViolation, InvalidArgument


def bad_input(message: str, field: str = "") -> InvalidArgument:
    """The error for data that do not fit the model's signature.

    Args:
        message: What is wrong, with a final full stop.
        field: Column, tensor or param at fault; empty when the data as a whole are.
    """
    field = field[:MAX_QUOTED]
    return InvalidArgument(
        message,
        reason=pb.ERROR_REASON_BAD_MODEL_INPUT,
        metadata={"field": field} if field else {},
        violations=(FieldViolation(field, message.removesuffix(".")),) if field else (),
    )


def malformed(message: str, field: str = "") -> InvalidArgument:
    """The error for a body or message that is not of its form."""
    return InvalidArgument(
        message,
        reason=pb.ERROR_REASON_MALFORMED_BODY,
        metadata={"field": field[:MAX_QUOTED]} if field else {},
        violations=(FieldViolation(field[:MAX_QUOTED], message.removesuffix(".")),) if field else (),
    )


class Checked(HiddenValues):
    """A context for checks of the client: what they refuse becomes an error of the caller."""

    __slots__ = ()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        super().__exit__(kind, error, traceback)
        if isinstance(error, SchemaMismatch):
            raise bad_input(str(error), error.field) from None


def refuse_empty(count: int) -> None:
    """Refuses a batch without rows.

    Raises:
        SchemaMismatch: There are none.
    """
    if not count:
        raise SchemaMismatch("The batch has no rows. Give at least one.")
