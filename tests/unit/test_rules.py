"""Field rules of the protos, checked on every request message."""

from __future__ import annotations

import pytest
from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from milepost import v1 as pb
from milepost.mlflow import v1 as mlflow_pb
from milepost_server.calls.rules import rules_for
from milepost_server.errors import InvalidArgument
from support.values import points


def create_run(**fields: object) -> pb.CreateRunRequest:
    return pb.CreateRunRequest(run=pb.Run(**fields))  # type: ignore[arg-type]


def log(*metrics: pb.MetricPoints) -> pb.LogMetricsRequest:
    return pb.LogMetricsRequest(run_id="r", metrics=metrics)


LONG = "x" * 501
REFUSED: list[tuple[Message, str, str]] = [
    (pb.GetRunRequest(), "run_id", "is required"),
    (pb.UpdateRunRequest(), "run", "is required"),
    (pb.LogMetricsRequest(run_id="r"), "metrics", "is required"),
    (log(points("a", [1]), pb.MetricPoints(values=[1])), "metrics[1].key", "is required"),
    (log(points("a", [1]), points(LONG, [1])), "metrics[1].key", "501 characters; 0 to 500|at most 500"),
    (create_run(name="x" * 251), "run.name", "251 characters"),
    (create_run(name="a\0b"), "run.name", "U\\+0000"),
    (create_run(run_id="-a"), "run.run_id", "the first a letter or digit"),
    (create_run(run_id="é"), "run.run_id", "letters, digits"),
    (create_run(experiment_id="1\n"), "run.experiment_id", "a decimal integer"),
    (create_run(tags={"": "v"}), 'run.tags[""]', "0 characters"),
    (create_run(tags={"k\n": "v"}), 'run.tags["k\\n"]', "without control characters"),
    (create_run(tags={"k": "x" * 65536}), 'run.tags["k"]', "65536 characters"),
    (create_run(tags={str(n): "" for n in range(1001)}), "run.tags", "1001 entries, more than the 1000"),
    (create_run(params={"é": pb.ParamValue(string_value="\0")}), 'run.params["é"].string_value', "U\\+0000"),
    (create_run(state=99), "run.state", "99 is no value of State; use one of STATE_UNSPECIFIED"),
    (create_run(start_time=Timestamp(seconds=253402300800)), "run.start_time", "years 1 to 9999"),
    (create_run(start_time=Timestamp(seconds=-62135596801)), "run.start_time", "years 1 to 9999"),
    (create_run(end_time=Timestamp(nanos=-1)), "run.end_time", "years 1 to 9999"),
    (create_run(end_time=Timestamp(nanos=10**9)), "run.end_time", "years 1 to 9999"),
    (pb.ListRunsRequest(page_size=-1), "page_size", "-1 is less than 0; send 0 or more"),
    (pb.ListRunsRequest(view=7), "view", "7 is no value of View"),  # type: ignore[arg-type]
    (pb.ListRunsRequest(experiment_ids=["1", "x"]), "experiment_ids[1]", "a decimal integer"),
    (pb.BatchGetRunsRequest(run_ids=["r"] * 1001), "run_ids", "1001 entries"),
    (pb.UpdateExperimentRequest(experiment=pb.Experiment(name=" ")), "experiment.name", "not blank"),
]


@pytest.mark.parametrize(("message", "field", "complaint"), REFUSED, ids=[field for _, field, _ in REFUSED])
def test_a_broken_rule_is_refused_with_its_field(message: Message, field: str, complaint: str) -> None:
    with pytest.raises(InvalidArgument, match=complaint) as caught:
        rules_for(message.DESCRIPTOR).check(message, "")
    assert caught.value.metadata["field"] == field
    assert [violation.field for violation in caught.value.violations] == [field]
    assert str(caught.value).startswith(f"{field}: ")
    assert len(str(caught.value)) < 1000


@pytest.mark.parametrize(
    "message",
    [
        pb.CreateRunRequest(),
        create_run(name="x" * 250, tags={"k" * 250: "x" * 65535}, params={"ключ/é": pb.ParamValue(int_value=-(2**63))}),
        create_run(
            start_time=Timestamp(seconds=-62135596800), end_time=Timestamp(seconds=253402300799, nanos=999_999_999)
        ),
        # A client may send back a run that it read.
        create_run(artifact_root="\0", create_time=Timestamp(seconds=2**62)),
        pb.ListRunsRequest(page_size=2**31 - 1),
    ],
    ids=str,
)
def test_what_is_within_the_limits_passes(message: Message) -> None:
    rules_for(message.DESCRIPTOR).check(message, "")


def test_a_resource_that_is_changed_in_part_may_lack_what_a_new_one_needs() -> None:
    missing = pb.Experiment(experiment_id="1", description="d")
    with pytest.raises(InvalidArgument, match=r"experiment\.name: is required"):
        rules_for(pb.CreateExperimentRequest.DESCRIPTOR).check(pb.CreateExperimentRequest(experiment=missing), "")
    update = pb.UpdateExperimentRequest(experiment=missing, update_mask=FieldMask(paths=["description"]))
    rules_for(update.DESCRIPTOR).check(update, "")


def test_a_missing_field_has_a_reason_of_its_own() -> None:
    with pytest.raises(InvalidArgument) as caught:
        rules_for(pb.GetRunRequest.DESCRIPTOR).check(pb.GetRunRequest(), "")
    assert caught.value.reason == pb.ERROR_REASON_REQUIRED_FIELD


def test_rules_are_compiled_once() -> None:
    assert rules_for(pb.Run.DESCRIPTOR) is rules_for(pb.Run.DESCRIPTOR)


@pytest.mark.parametrize("bad", [{"key": ""}, {"key": "a//b"}, {"timestamp": -1}, {"value": None}])
def test_a_bad_point_among_many_is_found(bad: dict[str, object]) -> None:
    good = {"key": "m", "value": 1.0, "timestamp": 1}
    batch = mlflow_pb.LogBatchRequest(run_id="r", metrics=[mlflow_pb.Metric(**good) for _ in range(20)])  # type: ignore[arg-type]
    rules_for(batch.DESCRIPTOR).check(batch, "")
    batch.metrics[17].Clear()
    batch.metrics[17].MergeFrom(mlflow_pb.Metric(**{**good, **bad}))  # type: ignore[arg-type]
    with pytest.raises(InvalidArgument) as caught:
        rules_for(batch.DESCRIPTOR).check(batch, "")
    assert caught.value.metadata["field"] == f"metrics[17].{next(iter(bad))}"


def test_text_of_proto2_that_is_no_utf_8_is_refused() -> None:
    request = mlflow_pb.SetTagRequest.FromString(b"\x12\x02\xff\xfe\x22\x01r")
    with pytest.raises(InvalidArgument, match="UTF-8"):
        rules_for(request.DESCRIPTOR).check(request, "")
