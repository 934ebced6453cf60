"""What a scrape of the model server says of requests."""

from __future__ import annotations

import numpy as np
import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from milepost import v1 as pb
from milepost.models.worker.payload import Payload
from milepost_server.errors import DomainError, InvalidArgument, NotFound, Unavailable
from milepost_server.serving.loaded_version import LoadedVersion
from milepost_server.serving.operations.metrics import ServingMetrics
from milepost_server.serving.predicting import Asked
from support.serving_requests import ask, failing, loaded

Labels = frozenset[tuple[str, str]]
ROWS = Payload("array", [np.zeros((5, 2))])


class Scraped:
    """Metrics of some versions and models, read as Prometheus reads them."""

    def __init__(self, *versions: LoadedVersion, models: tuple[pb.ServedModel, ...] = ()) -> None:
        self._registry = CollectorRegistry()
        self.versions = list(versions)
        self.metrics = ServingMetrics(self._registry, lambda: self.versions, lambda: models)

    def samples(self, name: str) -> dict[Labels, float]:
        text = generate_latest(self._registry).decode()
        return {
            frozenset(sample.labels.items()): sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
            if sample.name == f"milepost_serving_{name}"
        }

    def value(self, name: str, **labels: str) -> float | None:
        return self.samples(name).get(frozenset({"model": "digits", "version": "3", **labels}.items()))


async def test_requests_are_counted_by_interface_transport_and_code() -> None:
    version = loaded()
    scraped = Scraped(version)
    await ask([scraped.metrics], version, ROWS, Asked("digits", transport="http", interface="invocations"))
    for _ in range(2):
        await ask([scraped.metrics], version, ROWS)
    assert scraped.value("requests_total", interface="invocations", transport="http", code="OK") == 1
    assert scraped.value("requests_total", interface="milepost", transport="grpc", code="OK") == 2
    assert scraped.value("rows_total") == 15


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (InvalidArgument("wrong", reason=pb.ERROR_REASON_BAD_MODEL_INPUT), "INVALID_ARGUMENT"),
        (Unavailable("gone", reason=pb.ERROR_REASON_WORKER_LOST), "UNAVAILABLE"),
    ],
)
async def test_failed_requests_are_counted_by_their_code(error: DomainError, code: str) -> None:
    version = loaded(answer=failing(error))
    scraped = Scraped(version)
    with pytest.raises(type(error)):
        await ask([scraped.metrics], version, ROWS)
    assert scraped.value("requests_total", interface="milepost", transport="grpc", code=code) == 1
    assert scraped.value("request_seconds_count") == 1
    assert scraped.value("queue_seconds_count") == 0


async def test_histograms_have_the_times_and_the_batch_of_each_request() -> None:
    version = loaded()
    scraped = Scraped(version)
    await ask([scraped.metrics], version, ROWS)
    assert scraped.value("queue_seconds_sum") == 0.003
    assert scraped.value("queue_seconds_bucket", le="0.0025") == 0
    assert scraped.value("queue_seconds_bucket", le="0.005") == 1
    assert scraped.value("predict_seconds_sum") == 0.02
    assert scraped.value("batch_rows_bucket", le="4") == 0
    assert scraped.value("batch_rows_bucket", le="8") == 1
    assert scraped.value("batch_rows_bucket", le="+Inf") == 1


async def test_state_of_the_processes_is_told() -> None:
    scraped = Scraped(loaded())
    assert scraped.value("queue_depth") == 2
    assert scraped.value("workers_ready") == 1
    assert scraped.value("worker_restarts_total") == 4
    assert scraped.value("worker_resident_bytes") == 1024


async def test_requests_at_work_are_those_that_have_no_answer_yet() -> None:
    seen: list[float | None] = []

    def look(payload: Payload) -> Payload:
        seen.append(scraped.value("requests_at_work"))
        return payload

    version = loaded(answer=look)
    scraped = Scraped(version)
    await ask([scraped.metrics], version, ROWS)
    assert seen == [1]
    assert scraped.value("requests_at_work") == 0


async def test_a_version_that_is_loaded_anew_has_one_series() -> None:
    scraped = Scraped(loaded(), loaded())
    assert scraped.value("queue_depth") == 4


async def test_models_that_nobody_serves_share_one_series() -> None:
    version = loaded()
    scraped = Scraped(version)
    for name in ("guess-1", "guess-2", 'x"} 1\n'):
        with pytest.raises(NotFound):
            await ask([scraped.metrics], version, ROWS, Asked(name))
    assert scraped.samples("requests_total") == {
        frozenset(
            {"model": "", "version": "", "interface": "milepost", "transport": "grpc", "code": "NOT_FOUND"}.items()
        ): 3
    }


async def test_counts_of_a_version_that_is_gone_stay_until_they_were_scraped() -> None:
    version = loaded()
    scraped = Scraped(version)
    await ask([scraped.metrics], version, ROWS)
    scraped.versions.clear()
    assert scraped.value("requests_total", interface="milepost", transport="grpc", code="OK") == 1
    assert scraped.value("workers_ready") is None


def test_traffic_and_answers_of_a_shadow_are_told() -> None:
    model = pb.ServedModel(
        name="digits",
        live_version=3,
        canary=pb.Canary(version=4, percent=20),
        shadow=pb.Shadow(version=5, compared=10, different=3, failed=1, skipped=2),
        versions=[pb.ServedVersion(version=3, state=pb.ServedVersion.STATE_READY)],
    )
    scraped = Scraped(models=(model,))
    assert scraped.value("traffic_percent") == 80
    assert scraped.value("traffic_percent", version="4") == 20
    results = {"equal": 7, "different": 3, "failed": 1, "skipped": 2}
    for result, count in results.items():
        assert scraped.value("shadow_answers_total", version="5", result=result) == count
