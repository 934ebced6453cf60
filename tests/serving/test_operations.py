"""What whoever runs a model server sees of it: one server, asked once, with everything switched on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pyarrow.parquet as pq
import pytest
from prometheus_client.parser import text_string_to_metric_families

from support.otlp_collector import Collector, attributes
from support.servers import RunningModelServer
from support.serving_models import COLUMNS, ROWS, columns_model

TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


class Observed:
    """A server that was asked three rows, and a model that it does not serve; what it said while it ran, and left."""

    def __init__(self, samples: Path, collector: Collector) -> None:
        self.samples, self.collector = samples, collector
        server = RunningModelServer(
            f"digits={columns_model()}",
            sample_inputs=1.0,
            sample_dir=samples,
            otlp_endpoint=collector.endpoint,
            trace_share=0.0,
        )
        try:
            self.predictions = self._ask(server)
            self.pages = {path: httpx.get(f"{server.http_url}{path}") for path in ("/readyz", "/healthz", "/metrics")}
        finally:
            server.stop()

    def _ask(self, server: RunningModelServer) -> list[int]:
        body: dict[str, Any] = {"dataframe_split": {"columns": COLUMNS, "data": ROWS[:3].tolist()}}
        headers = {"traceparent": f"00-{TRACE}-{PARENT}-01", "x-request-id": "the-call"}
        answer = httpx.post(f"{server.http_url}/invocations", json=body, headers=headers)
        assert answer.status_code == 200, answer.text
        assert httpx.get(f"{server.http_url}/v2/models/guess").status_code == 404
        predictions: list[int] = answer.json()["predictions"]
        return predictions

    def metric(self, name: str, **labels: str) -> float:
        families = text_string_to_metric_families(self.pages["/metrics"].text)
        samples = [sample for family in families for sample in family.samples if sample.name == name]
        return sum(sample.value for sample in samples if labels.items() <= sample.labels.items())


@pytest.fixture(scope="module")
def observed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Observed]:
    collector = Collector()
    yield Observed(tmp_path_factory.mktemp("samples"), collector)
    collector.stop()


def test_the_server_says_that_it_is_ready(observed: Observed) -> None:
    assert observed.pages["/readyz"].status_code == 200
    assert observed.pages["/healthz"].status_code == 200


def test_a_scrape_has_the_request_and_the_process(observed: Observed) -> None:
    of_model = {"model": "digits", "version": "0"}
    asked = {**of_model, "interface": "invocations", "transport": "http", "code": "OK"}
    assert observed.metric("milepost_serving_requests_total", **asked) == 1
    assert observed.metric("milepost_serving_rows_total", **of_model) == 3
    assert observed.metric("milepost_serving_predict_seconds_count", **of_model) == 1
    assert observed.metric("milepost_serving_workers_ready", **of_model) == 1
    assert observed.metric("milepost_serving_worker_resident_bytes", **of_model) > 1_000_000
    assert observed.metric("milepost_serving_traffic_percent", **of_model) == 100
    assert observed.metric("milepost_serving_samples_total") == 1


def test_the_request_is_kept_with_its_answer(observed: Observed) -> None:
    (file,) = (observed.samples / "digits" / "0").glob("*.parquet")
    table = pq.read_table(file, partitioning=None).to_pandas()
    assert table[COLUMNS].to_numpy().tolist() == ROWS[:3].tolist()
    assert table["prediction"].tolist() == observed.predictions
    assert set(table["_milepost_call_id"]) == {"the-call"}


def test_the_request_is_a_span_of_the_callers_trace(observed: Observed) -> None:
    spans = observed.collector.spans()
    assert {"predict", "queue", "model"} == spans.keys()
    assert spans["predict"].trace_id.hex() == TRACE
    assert spans["predict"].parent_span_id.hex() == PARENT
    assert attributes(spans["predict"])["milepost.call_id"] == "the-call"
