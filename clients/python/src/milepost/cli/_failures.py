"""How a command fails: one line on standard error and the exit code, never a traceback for what a user can mend."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from milepost.errors import MilepostError


class Refusal(Exception):
    """The command will not do it.

    Args:
        reason: Stable name of the cause, such as `MISSING_EXTRA`.
        message: What is wrong and what to do.
        exit_code: 1 refused, 2 bad usage.
    """

    def __init__(self, reason: str, message: str, exit_code: int = 1) -> None:
        super().__init__(message)
        self.reason = reason
        self.exit_code = exit_code


@contextmanager
def reported(address: str | None) -> Iterator[None]:
    """Turns errors of the block into `milepost: REASON: message` and the exit code.

    Args:
        address: The server as asked for, to be named when it does not answer. None for the default.
    """
    try:
        yield
        sys.stdout.flush()
    except Refusal as refusal:
        _exit(refusal.reason, str(refusal), refusal.exit_code)
    except BrokenPipeError:
        # The reader, such as `head`, has seen enough. What is still in the buffer must not fail again at exit.
        with suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise typer.Exit(0) from None
    except ImportError as error:
        _exit("MISSING_PACKAGE", str(error))
    except OSError as error:
        _exit("LOCAL_FILE", _os_message(error))
    except Exception as error:
        reason, message = _client_failure(error, address)
        _exit(reason, message)


def _client_failure(error: Exception, address: str | None) -> tuple[str, str]:
    """Reason and text of an error of the client; raises any other error again, as it is a defect."""
    from milepost.config import get_tracking_uri
    from milepost.errors import MilepostError, UnavailableError

    if isinstance(error, ValueError):
        return "INVALID_VALUE", str(error)
    if not isinstance(error, MilepostError):
        raise error
    message = str(error)
    if isinstance(error, UnavailableError) and not error.reason:
        message = (
            f"no server answers at {address or get_tracking_uri()}. Start one with `milepost server`, or name another "
            f"with --server or MILEPOST_TRACKING_URI. ({message})"
        )
    return reason_of(error), message


def reason_of(error: MilepostError | OSError) -> str:
    """Stable name of the cause: the server's, else one made of the error's class."""
    if isinstance(error, OSError):
        return "LOCAL_FILE"
    return error.reason or _by_class(error)


def _by_class(error: Exception) -> str:
    words = re.findall("[A-Z][a-z]*", type(error).__name__.removesuffix("Error"))
    return "_".join(words).upper() or "UNKNOWN"


def _os_message(error: OSError) -> str:
    if error.strerror is None:
        return str(error)
    return f"{error.filename}: {error.strerror}" if error.filename else error.strerror


def _exit(reason: str, message: str, code: int = 1) -> None:
    typer.echo(f"milepost: {reason}: {' '.join(message.split())}", err=True)
    raise typer.Exit(code) from None
