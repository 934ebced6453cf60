"""Settings of the client: an argument, else `set_tracking_uri`, else the environment, else the default.

Environment variables, read when a client is made and never at import:

- `MILEPOST_TRACKING_URI`: address of the server, `host:port` or `grpc://host:port`.
- `MILEPOST_SERVING_URI`: address of the model server, in the same forms.
- `MILEPOST_STRICT`: `1` makes background logging raise what it otherwise only warns of.
- `MILEPOST_SPOOL_DIR`: folder for values that wait for a server that is away. Default: `milepost/spool` in the user's
  folder for caches.
- `MILEPOST_SPOOL_BYTES`: most bytes that one process keeps there. Default: 1 GiB.
- `MILEPOST_CACHE_DIR`: folder for models that were fetched. Default: `milepost/models` in the user's folder for caches.
- `MILEPOST_CACHE_BYTES`: most bytes that they take there, except those in use. Default: 10 GiB.
- `MILEPOST_ENVIRONMENTS_DIR`: folder for the environments in which models are asked apart from the caller's. Default:
  `milepost/environments` in the user's folder for caches.
"""

from __future__ import annotations

import os
import re
import sys
from dataclasses import dataclass, field
from pathlib import Path

DEFAULT_ADDRESS = "127.0.0.1:5001"
DEFAULT_SERVING_ADDRESS = "127.0.0.1:8081"
DEFAULT_TIMEOUT_S = 30.0
DEFAULT_SPOOL_BYTES = 1024**3
DEFAULT_CACHE_BYTES = 10 * 1024**3

_ADDRESS = re.compile(r"(?:grpc://)?(?P<host>\[[0-9A-Fa-f:.%]+\]|[A-Za-z0-9_.-]+):(?P<port>[0-9]{1,5})/?")
_TRUE = {"1", "true", "yes", "on"}
_FALSE = {"", "0", "false", "no", "off"}

_chosen_address: str | None = None


def default_spool_dir() -> Path:
    """`MILEPOST_SPOOL_DIR`, else `milepost/spool` in the user's folder for caches on this platform."""
    return _cache_dir("MILEPOST_SPOOL_DIR", "spool")


def default_environments_dir() -> Path:
    """`MILEPOST_ENVIRONMENTS_DIR`, else `milepost/environments` in the user's folder for caches on this platform."""
    return _cache_dir("MILEPOST_ENVIRONMENTS_DIR", "environments")


def default_models_dir() -> Path:
    """`MILEPOST_CACHE_DIR`, else `milepost/models` in the user's folder for caches on this platform."""
    return _cache_dir("MILEPOST_CACHE_DIR", "models")


def default_models_bytes() -> int:
    """`MILEPOST_CACHE_BYTES`, else 10 GiB. Raises `ValueError` when it is no number."""
    return _number("MILEPOST_CACHE_BYTES", DEFAULT_CACHE_BYTES)


def _cache_dir(variable: str, name: str) -> Path:
    chosen = os.environ.get(variable)
    if chosen:
        return Path(chosen)
    home = Path(os.path.expanduser("~"))  # noqa: PTH111  # Path's raises where there is no home
    if sys.platform == "win32":
        caches = Path(os.environ.get("LOCALAPPDATA") or home / "AppData" / "Local")
    elif sys.platform == "darwin":
        caches = home / "Library" / "Caches"
    else:
        caches = Path(os.environ.get("XDG_CACHE_HOME") or home / ".cache")
    return caches / "milepost" / name


@dataclass(frozen=True)
class ClientConfig:
    """Settings of one client.

    Args:
        address: Server as `host:port`.
        timeout_s: Seconds that a call may take, retries included.
        strict: Whether background logging raises `LoggingError` at the next call and at `flush` instead of warning.
        spool_dir: Folder for values that wait for a server that is away.
        spool_bytes: Most bytes that one process keeps there.
    """

    address: str = DEFAULT_ADDRESS
    timeout_s: float = DEFAULT_TIMEOUT_S
    strict: bool = False
    spool_dir: Path = field(default_factory=default_spool_dir)
    spool_bytes: int = DEFAULT_SPOOL_BYTES

    def __post_init__(self) -> None:
        object.__setattr__(self, "address", parse_address(self.address))
        if not self.timeout_s > 0:
            raise ValueError(f"timeout_s: {self.timeout_s!r} is no time to wait. Give a number of seconds above 0.")
        if self.spool_bytes < 0:
            raise ValueError(f"spool_bytes: {self.spool_bytes} is negative. Give a number of bytes, or 0 for no file.")

    @classmethod
    def resolve(
        cls, address: str | None = None, *, timeout_s: float = DEFAULT_TIMEOUT_S, strict: bool | None = None
    ) -> ClientConfig:
        """The settings that hold now; what is not None wins over the environment.

        Raises:
            ValueError: An address or a variable cannot be read.
        """
        return cls(
            address=get_tracking_uri() if address is None else address,
            timeout_s=timeout_s,
            strict=_flag("MILEPOST_STRICT") if strict is None else strict,
            spool_bytes=_number("MILEPOST_SPOOL_BYTES", DEFAULT_SPOOL_BYTES),
        )


def parse_address(text: str) -> str:
    """`host:port` from `host:port` or `grpc://host:port`.

    Raises:
        ValueError: `text` is neither.
    """
    match = _ADDRESS.fullmatch(text.strip())
    if match is None or not 0 < int(match["port"]) <= 65535:
        raise ValueError(
            f"{text!r} is no address of a Milepost server. Give 'host:port' or 'grpc://host:port' with the server's "
            f"gRPC port, for example {DEFAULT_ADDRESS!r}."
        )
    return f"{match['host']}:{match['port']}"


def set_tracking_uri(uri: str | None) -> None:
    """Chooses the server for clients and runs made from now on in this process.

    Args:
        uri: `host:port` or `grpc://host:port`. None takes the choice back, so that the environment counts again.

    Raises:
        ValueError: `uri` is neither form.
    """
    global _chosen_address
    _chosen_address = None if uri is None else parse_address(uri)


def get_tracking_uri() -> str:
    """The server that a client made now would use, as `host:port`. Raises `ValueError` when it cannot be read."""
    return _chosen_address or parse_address(os.environ.get("MILEPOST_TRACKING_URI") or DEFAULT_ADDRESS)


def get_serving_uri() -> str:
    """The model server that is asked unless another is named. Raises `ValueError` when it cannot be read."""
    return parse_address(os.environ.get("MILEPOST_SERVING_URI") or DEFAULT_SERVING_ADDRESS)


def _flag(variable: str) -> bool:
    value = os.environ.get(variable, "").strip().lower()
    if value in _TRUE:
        return True
    if value in _FALSE:
        return False
    raise ValueError(f"{variable}: {value!r} is neither true nor false. Set it to 1 or 0.")


def _number(variable: str, default: int) -> int:
    value = os.environ.get(variable, "").strip()
    if not value:
        return default
    if not value.isascii() or not value.isdecimal():
        raise ValueError(f"{variable}: {value!r} is no number of bytes. Set it to digits only.")
    return int(value)
