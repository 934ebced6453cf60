"""Models that are logged and registered, found again by their URIs, and never half made."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import milepost
from milepost import errors, pyfunc
from milepost import v1 as pb
from milepost.models.registry.sources import fetch
from support.servers import RunningServer


class Adder(pyfunc.PythonModel):
    """Adds a number to each value."""

    def __init__(self, number: float) -> None:
        self.number = number

    def predict(self, model_input: Any, params: Any = None) -> Any:
        return [value + self.number for value in model_input]


@pytest.fixture(autouse=True)
def tracking(server: RunningServer) -> Iterator[None]:
    milepost.set_tracking_uri(server.grpc_address)
    yield
    milepost.end_run()
    milepost.set_tracking_uri(None)


@pytest.fixture
def classifier() -> Any:
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression().fit([[0.0], [1.0], [2.0], [3.0]], [0, 0, 1, 1])


@pytest.fixture
def name() -> str:
    return f"fraud-{uuid.uuid4().hex}"


def test_a_model_is_logged_registered_and_loaded_by_its_alias(classifier: Any, name: str) -> None:
    with milepost.start_run() as run:
        run.log_input(milepost.Dataset(name="train", digest="d1"), "training")
        logged = run.log_model(
            classifier,
            "classifier",
            registered_model_name=name,
            aliases=["champion"],
            params={"depth": 3},
            tags={"team": "risk"},
            model_type="classifier",
            step=7,
        )
    assert milepost.Client().runs.get(run.run_id).model_outputs == {logged.model_id: 7}
    version = milepost.Client().model_versions.get_by_alias(name, "champion")
    assert (logged.status, logged.params, logged.tags) == (milepost.ModelStatus.READY, {"depth": 3}, {"team": "risk"})
    assert (version.model_id, version.run_id, version.sha256) == (logged.model_id, run.run_id, logged.sha256)
    assert [used.dataset.name for used in version.inputs] == ["train"]
    assert logged.flavors == ["sklearn", "python_function"]
    loaded = milepost.load_model(f"models:/{name}@champion")
    assert loaded.predict([[0.2], [2.7]]).tolist() == [0, 1]


def test_its_descriptor_says_which_model_of_which_run_it_is(classifier: Any) -> None:
    logged = milepost.log_model(classifier, "classifier")
    metadata = pyfunc.load_model(logged.uri).metadata
    active = milepost.active_run()
    assert active is not None
    assert (metadata.model_id, metadata.run_id) == (logged.model_id, active.run_id)


def test_its_signature_is_that_of_its_example(classifier: Any) -> None:
    import numpy as np

    logged = milepost.log_model(classifier, "classifier", input_example=np.array([[0.5]]))
    assert '"dtype": "float64"' in logged.proto.signature_json
    with pytest.raises(errors.SchemaMismatch):
        pyfunc.load_model(logged.uri).predict(np.array([["text"]]))


def test_a_python_model_is_logged_to_a_run_given_by_its_id() -> None:
    run = milepost.Client().runs.create()
    logged = milepost.log_model(Adder(2.0), "adder", run=run.run_id, format="cloudpickle")
    assert logged.run_id == run.run_id
    assert milepost.active_run() is None
    with pytest.raises(errors.UntrustedModel):
        milepost.load_model(logged.uri)
    assert pyfunc.load_model(logged.uri, trust=True).predict([1.0]) == [3.0]


def test_a_model_that_cannot_be_saved_leaves_nothing(name: str) -> None:
    run = milepost.Client().runs.create()
    with pytest.raises(errors.UnknownFlavor):
        milepost.log_model(object(), "model", run=run, registered_model_name=name)
    assert list(milepost.Client().logged_models.list(filter=f"run_id = '{run.run_id}'")) == []
    assert list(run.artifacts()) == []


@pytest.mark.parametrize(("name", "alias"), [("a/b", "x"), ("a", "v3"), ("a", "latest"), ("a", "with space")])
def test_a_name_that_no_uri_can_hold_is_refused_before_anything_is_made(classifier: Any, name: str, alias: str) -> None:
    run = milepost.Client().runs.create()
    with pytest.raises(errors.BadModelUri):
        run.log_model(classifier, "model", registered_model_name=name, aliases=[alias])
    assert list(milepost.Client().logged_models.list(filter=f"run_id = '{run.run_id}'")) == []


def test_an_upload_that_is_refused_is_marked_as_failed(tmp_path: Path) -> None:
    from milepost.models.registry.publishing import upload_model

    client = milepost.Client()
    created = client.logged_models.create(client.runs.create().run_id, "model")
    (tmp_path / "bad%name").write_bytes(b"x")
    with pytest.raises(errors.BadPath):
        upload_model(client, created, tmp_path)
    created.refresh()
    assert created.status is milepost.ModelStatus.FAILED
    assert created.status_message.startswith("BadPath: ")


def test_files_that_change_while_they_are_sent_make_no_model(tmp_path: Path) -> None:
    from milepost.models.format.manifest import write_manifest
    from milepost.models.registry.publishing import upload_model

    client = milepost.Client()
    created = client.logged_models.create(client.runs.create().run_id, "model")
    (tmp_path / "weights").write_bytes(b"saved")
    write_manifest(tmp_path)
    (tmp_path / "weights").write_bytes(b"changed")
    with pytest.raises(errors.LoggedModelIncomplete):
        upload_model(client, created, tmp_path)
    assert created.refresh().status is milepost.ModelStatus.FAILED


def test_a_damaged_copy_in_the_cache_is_fetched_anew_when_it_is_loaded(classifier: Any) -> None:
    logged = milepost.log_model(classifier, "classifier")
    folder = fetch(logged.uri)
    (damaged,) = folder.glob("*.skops")
    damaged.chmod(0o600)
    damaged.write_bytes(b"damaged")
    assert milepost.load_model(logged.uri).predict([[2.7]]).tolist() == [1]
    assert damaged.stat().st_size > len(b"damaged")


def test_registering_takes_every_kind_of_source(classifier: Any, name: str) -> None:
    logged = milepost.log_model(classifier, "classifier")
    first = milepost.register_model(logged, name, description="first", tags={"k": "v"}, aliases=["a"])
    second = milepost.register_model(f"runs:/{logged.run_id}/classifier", name)
    third = milepost.register_model(f"runs:/{logged.run_id}/{logged.path}", name)
    fourth = milepost.register_model("s3://bucket/model", name)
    assert [v.version for v in (first, second, third, fourth)] == [1, 2, 3, 4]
    assert (first.description, first.tags, first.aliases) == ("first", {"k": "v"}, ["a"])
    assert first.model_id == second.model_id == logged.model_id
    assert third.sha256 == logged.sha256
    assert fourth.source_uri == "s3://bucket/model"


def test_registering_a_version_copies_it(classifier: Any, name: str) -> None:
    milepost.log_model(classifier, "classifier", registered_model_name=name, aliases=["champion"])
    copied = milepost.register_model(f"models:/{name}@champion", f"{name}-prod", description="promoted")
    assert (copied.proto.copied_from, copied.description) == (pb.ModelVersionOrigin(name=name, version=1), "promoted")
    with pytest.raises(errors.CopyCycle):
        milepost.register_model(copied, name)


def test_a_folder_of_this_machine_is_not_registered(tmp_path: Path, name: str) -> None:
    with pytest.raises(errors.BadModelUri, match="Log the model first"):
        milepost.register_model(str(tmp_path), name)


def test_a_copy_to_a_name_that_no_uri_can_hold_is_refused_before_anything_is_made(classifier: Any, name: str) -> None:
    from milepost.models.registry.copying import copy_version

    client = milepost.Client()
    milepost.log_model(classifier, "classifier", registered_model_name=name)
    experiment = client.experiments.create(f"copies-{name}")
    version = client.model_versions.get(name, 1)
    with pytest.raises(errors.BadModelUri):
        copy_version(version, client, "a/b", experiment_id=experiment.experiment_id)
    assert list(experiment.runs()) == []
