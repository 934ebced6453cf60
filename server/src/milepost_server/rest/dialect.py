"""What may differ between the interfaces that the transcoder serves."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from milepost_server.errors import DomainError
from milepost_server.rest.error_form import ErrorForm
from milepost_server.rest.exchange import Exchange
from milepost_server.rest.json_codec import Codecs

if TYPE_CHECKING:
    from milepost_server.rest.routes import Route


class RequestReader(Protocol):
    """Makes the request messages of one route from path, query, body and headers."""

    async def read(self, exchange: Exchange, segments: list[str]) -> Any:
        """The request message of a call that sends one message.

        Raises:
            DomainError: The request cannot be read.
            Refusal: Likewise, with an HTTP status of its own.
        """

    def bind(self, exchange: Exchange, message: Any, segments: list[str]) -> None:
        """Sets what path, query and headers give. Raises as `read` does."""


class MakeReader(Protocol):
    """Makes the `RequestReader` of a route."""

    def __call__(
        self, route: Route, max_body_bytes: int, reserved: Mapping[str, str] | None = None, /
    ) -> RequestReader:
        """Makes a reader.

        Args:
            route: The route.
            max_body_bytes: Most bytes of a JSON body.
            reserved: Fields that the query may not set, with what sets them.

        Raises:
            TypeError: The rule names a field that does not exist or that text cannot set.
        """


@dataclass(frozen=True, slots=True, eq=False)
class Dialect:
    """How the methods of some proto packages are called over HTTP.

    Args:
        codecs: How messages are written and read as JSON.
        reader: How requests are put together.
        errors: How errors are written.
        no_such_path: The error for a path at which nothing answers.
        packages: The proto packages whose methods speak this dialect.
        paths: What paths begin with whose errors are in this dialect, whether something answers there or not.
        twins: Beginnings of path templates, each with another one that answers the same.
        label: Put before the names of services in the OpenAPI document, which has those of all packages.
    """

    codecs: Codecs
    reader: MakeReader
    errors: ErrorForm
    no_such_path: Callable[[str], DomainError]
    packages: frozenset[str] = frozenset()
    paths: tuple[str, ...] = ()
    twins: tuple[tuple[str, str], ...] = ()
    label: str = ""

    def templates(self, template: str) -> list[str]:
        """`template` with its twins."""
        twins = [other + template.removeprefix(own) for own, other in self.twins if template.startswith(own)]
        return [template, *twins]
