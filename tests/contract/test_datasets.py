"""Datasets and the part they play in runs."""

from __future__ import annotations

import asyncio

import pytest

from milepost import v1 as pb
from support.api import Api
from support.errors import refused

DIGITS = pb.Dataset(
    name="digits",
    digest="sha256:1",
    source_type="sklearn",
    source='{"loader": "load_digits"}',
    schema='{"columns": []}',
    profile='{"rows": 1797}',
)


async def test_inputs_come_back_with_the_run(api: Api, run: pb.Run) -> None:
    inputs = [
        pb.DatasetInput(dataset=DIGITS, context="training", tags={"split": "80%"}),
        pb.DatasetInput(dataset=pb.Dataset(name="Daten 🚀"), context=""),
    ]
    await api.log_inputs(run.run_id, inputs)
    stored = (await api.get_run(run.run_id)).inputs
    assert sorted(stored, key=lambda one: one.dataset.name) == sorted(inputs, key=lambda one: one.dataset.name)


async def test_one_dataset_may_play_several_parts(api: Api, run: pb.Run) -> None:
    await api.log_inputs(run.run_id, [pb.DatasetInput(dataset=DIGITS, context=part) for part in ("training", "test")])
    assert {one.context for one in (await api.get_run(run.run_id)).inputs} == {"training", "test"}


async def test_repeated_input_adds_new_tags_only(api: Api, run: pb.Run) -> None:
    await api.log_inputs(run.run_id, [pb.DatasetInput(dataset=DIGITS, context="training", tags={"a": "1"})])
    again = pb.DatasetInput(dataset=DIGITS, context="training", tags={"a": "other", "b": "2"})
    await api.log_inputs(run.run_id, [again])
    (stored,) = (await api.get_run(run.run_id)).inputs
    assert dict(stored.tags) == {"a": "1", "b": "2"}


async def test_same_input_twice_in_one_request_is_one(api: Api, run: pb.Run) -> None:
    await api.log_inputs(run.run_id, [pb.DatasetInput(dataset=DIGITS, context="training")] * 2)
    assert len((await api.get_run(run.run_id)).inputs) == 1


async def test_first_description_of_a_dataset_stays(api: Api, run: pb.Run) -> None:
    other_run = await api.create_run(run.experiment_id)
    await api.log_inputs(run.run_id, [pb.DatasetInput(dataset=DIGITS)])
    changed = pb.Dataset(name=DIGITS.name, digest=DIGITS.digest, source="elsewhere", profile="{}")
    await api.log_inputs(other_run.run_id, [pb.DatasetInput(dataset=changed)])
    listed = await api.list_datasets(experiment_ids=[run.experiment_id])
    expected = pb.ExperimentDataset(experiment_id=run.experiment_id, dataset=DIGITS, contexts=[""])
    assert list(listed.datasets) == [expected]
    assert (await api.get_run(other_run.run_id)).inputs[0].dataset == DIGITS


async def test_a_listed_dataset_has_the_contexts_of_its_uses(api: Api, run: pb.Run) -> None:
    other_run = await api.create_run(run.experiment_id)
    for run_id, context in ((run.run_id, "training"), (run.run_id, "test"), (other_run.run_id, "training")):
        await api.log_inputs(run_id, [pb.DatasetInput(dataset=DIGITS, context=context)])
    listed = await api.list_datasets(experiment_ids=[run.experiment_id])
    assert [list(one.contexts) for one in listed.datasets] == [["test", "training"]]


async def test_other_digest_or_experiment_is_another_dataset(api: Api, run: pb.Run) -> None:
    elsewhere = await api.create_run((await api.create_experiment()).experiment_id)
    newer = pb.Dataset(name=DIGITS.name, digest="sha256:2")
    await api.log_inputs(run.run_id, [pb.DatasetInput(dataset=DIGITS), pb.DatasetInput(dataset=newer)])
    await api.log_inputs(elsewhere.run_id, [pb.DatasetInput(dataset=DIGITS)])
    listed = await api.list_datasets(experiment_ids=[run.experiment_id, elsewhere.experiment_id])
    assert len(listed.datasets) == 3


async def test_datasets_are_listed_by_name_and_digest_over_pages(api: Api, run: pb.Run) -> None:
    names = ["b", "B", "a", "ä", "Z", "a"]
    data = [pb.Dataset(name=name, digest=str(n)) for n, name in enumerate(names)]
    await api.log_inputs(run.run_id, [pb.DatasetInput(dataset=one) for one in data])
    for page_size in (0, 1, 4):
        seen, token = [], ""
        while True:
            page = await api.list_datasets(experiment_ids=[run.experiment_id], page_size=page_size, page_token=token)
            seen += [(one.dataset.name, one.dataset.digest) for one in page.datasets]
            if not (token := page.next_page_token):
                break
        assert seen == sorted((one.name, one.digest) for one in data)


async def test_dataset_token_of_another_query_is_refused(api: Api, run: pb.Run) -> None:
    data = [pb.DatasetInput(dataset=pb.Dataset(name=name)) for name in ("a", "b")]
    await api.log_inputs(run.run_id, data)
    token = (await api.list_datasets(experiment_ids=[run.experiment_id], page_size=1)).next_page_token
    with refused("INVALID_ARGUMENT", "BAD_PAGE_TOKEN"):
        await api.list_datasets(page_token=token)


async def test_experiment_without_datasets_has_none(api: Api, experiment: pb.Experiment) -> None:
    assert not (await api.list_datasets(experiment_ids=[experiment.experiment_id])).datasets


@pytest.mark.parametrize(
    ("bad", "field"),
    [
        (pb.DatasetInput(), "inputs[1].dataset"),
        (pb.DatasetInput(dataset=pb.Dataset(digest="1")), "inputs[1].dataset.name"),
        (pb.DatasetInput(dataset=pb.Dataset(name="n" * 501)), "inputs[1].dataset.name"),
        (pb.DatasetInput(dataset=pb.Dataset(name="n", digest="d" * 129)), "inputs[1].dataset.digest"),
        (pb.DatasetInput(dataset=pb.Dataset(name="n", source="s" * 65_536)), "inputs[1].dataset.source"),
        (pb.DatasetInput(dataset=DIGITS, context="c" * 251), "inputs[1].context"),
        (pb.DatasetInput(dataset=DIGITS, tags={"": "v"}), "inputs[1].tags"),
        (pb.DatasetInput(dataset=DIGITS, tags={"k": "v" * 5_001}), "inputs[1].tags"),
    ],
    ids=["none", "no name", "long name", "long digest", "long source", "long context", "empty tag key", "long tag"],
)
async def test_bad_input_names_its_field_and_stores_nothing(
    api: Api, run: pb.Run, bad: pb.DatasetInput, field: str
) -> None:
    with refused("INVALID_ARGUMENT", "INVALID_FIELD", "REQUIRED_FIELD") as refusal:
        await api.log_inputs(run.run_id, [pb.DatasetInput(dataset=DIGITS), bad])
    assert refusal.error.fields[0].startswith(field)
    assert not (await api.get_run(run.run_id)).inputs
    assert not (await api.list_datasets(experiment_ids=[run.experiment_id])).datasets


async def test_no_inputs_are_refused(api: Api, run: pb.Run) -> None:
    with refused("INVALID_ARGUMENT", "REQUIRED_FIELD") as refusal:
        await api.log_inputs(run.run_id, [])
    assert refusal.error.fields == ["inputs"]


async def test_inputs_of_a_missing_run_are_refused(api: Api) -> None:
    with refused("NOT_FOUND", "RUN_NOT_FOUND"):
        await api.log_inputs("missing-run", [pb.DatasetInput(dataset=DIGITS)])


async def test_16_runs_that_log_one_dataset_at_once_share_it(api: Api, experiment: pb.Experiment) -> None:
    runs = [await api.create_run(experiment.experiment_id) for _ in range(16)]
    one = [pb.DatasetInput(dataset=DIGITS, context="training")]
    await asyncio.gather(*(api.log_inputs(run.run_id, one) for run in runs))
    assert len((await api.list_datasets(experiment_ids=[experiment.experiment_id])).datasets) == 1
    for run in await api.batch_get_runs([run.run_id for run in runs]):
        assert list(run.inputs) == one
