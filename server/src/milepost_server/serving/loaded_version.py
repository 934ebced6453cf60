"""A version of a model that is loaded and can be asked."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime

from milepost.models.format.descriptor import ModelDescriptor
from milepost_server.serving.checks.contract import Contract
from milepost_server.serving.engine import Engine


@dataclass(slots=True, eq=False)
class LoadedVersion:
    """A version with its processes.

    Args:
        model: Name that the model is served under.
        number: Of the version; 0 for a model that is of no registry.
        uri: Where its files come from.
        sha256: Digest of its files; empty when it is not known.
        descriptor: What its files say.
        flavor: What answers, by the name of the flavor.
        contract: What it takes and gives.
        engine: Its processes.
        ready_time: When it could answer.
        requests: Number of requests answered, failed ones included.
        failures: Of these, number that failed.
        at_work: Number of requests being answered.
    """

    model: str
    number: int
    uri: str
    sha256: str
    descriptor: ModelDescriptor
    flavor: str
    contract: Contract
    engine: Engine
    ready_time: datetime = field(default_factory=lambda: datetime.now(UTC))
    requests: int = 0
    failures: int = 0
    at_work: int = 0
