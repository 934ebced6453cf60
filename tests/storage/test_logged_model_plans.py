"""Look-ups of logged models and of what versions consist of read the indexes that are meant for them."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from milepost import v1 as pb
from milepost_server.services.logged_models import LoggedModelService
from milepost_server.storage.base import Storage, Transaction
from support.databases import opened, sqlite_url
from support.plans import analyze, keep_plans
from support.postgres import Postgres

RUNS = 20
MODELS = 40
# The first run has more, all of one name and none of them ready.
CHECKPOINTS = 100


async def fill(tx: Transaction) -> None:
    """Stores runs of which each has some models."""
    for number in range(RUNS):
        run_id = f"run-{number}"
        key = await tx.runs.create(pb.Run(run_id=run_id, experiment_id="0", name=run_id), number)
        assert key is not None
        for model in range(CHECKPOINTS if number == 0 else MODELS):
            name = "checkpoint" if number == 0 else f"model-{model}"
            made = pb.LoggedModel(model_id=f"m-{number:016x}{model:016x}", name=name)
            assert await tx.logged_models.create(key, made, 1000 * number + model)
    registered = await tx.registered_models.create(pb.RegisteredModel(name="registered"), 1)
    assert registered is not None
    for number in range(RUNS * MODELS):
        # The last run has none.
        version = pb.ModelVersion(run_id=f"run-{number % (RUNS - 1)}", path=f"models/{number}")
        await tx.model_versions.create(registered, version, number)


@pytest_asyncio.fixture(scope="module", params=["sqlite", "sqlite analyzed", "postgresql"])
async def filled(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Storage]:
    """Some thousand models, with and without what SQLite learns of them by ANALYZE."""
    kind, _, analyzed = request.param.partition(" ")
    if kind == "postgresql":
        postgres: Postgres = request.getfixturevalue("postgres")
        url = postgres.create_database()
    else:
        url = sqlite_url(tmp_path_factory.mktemp("plans"))
    async with opened(url) as storage:
        await storage.write(fill)
        if kind == "postgresql" or analyzed:
            await analyze(url)
        yield storage


@pytest.mark.parametrize(("run_id", "name"), [("run-0", "checkpoint"), ("run-7", "model-3"), ("none", "none")])
async def test_name_of_a_model_of_a_run_is_one_look_up_in_an_index(
    filled: Storage, monkeypatch: pytest.MonkeyPatch, run_id: str, name: str
) -> None:
    plans = keep_plans(monkeypatch, filled)
    filter_ = f"run_id = '{run_id}' AND name = '{name}' AND status = 'ready'"
    await LoggedModelService(filled, lambda: 0).list(pb.ListLoggedModelsRequest(filter=filter_, page_size=1))
    (plan,) = plans
    assert re.search(r"\bix_logged_model_run_key\b", plan), plan
    assert not re.search(r"SCAN|Seq Scan", plan), plan


async def test_newest_models_of_an_experiment_are_read_in_order(
    filled: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    plans = keep_plans(monkeypatch, filled)
    await LoggedModelService(filled, lambda: 0).list(pb.ListLoggedModelsRequest(experiment_ids=["0"], page_size=10))
    assert re.search(r"\bix_logged_model_(experiment_id|create_us)\b", plans[0]), plans[0]
    assert not re.search(r"TEMP B-TREE|\bSort\b", plans[0]), plans[0]


@pytest.mark.parametrize("run_id", ["run-0", "run-7", f"run-{RUNS - 1}"])
async def test_what_an_upload_asks_about_models_reads_indexes_only(
    filled: Storage, monkeypatch: pytest.MonkeyPatch, run_id: str
) -> None:
    plans = keep_plans(monkeypatch, filled)

    async def look(tx: Transaction) -> None:
        key = await tx.runs.key(run_id)
        assert key is not None
        plans.clear()
        await tx.model_uses.of_path(run_id, "a/b/c", 1)
        await tx.logged_models.is_ready(key, "m-" + "0" * 32)

    await filled.scan(look)
    uses, ready = plans
    assert re.search(r"\bix_model_version_run_id\b", uses), uses
    assert re.search(r"\b(uq_logged_model_model_id|sqlite_autoindex_logged_model_1)\b", ready), ready
    assert not re.search(r"SCAN (model_version|logged)|Seq Scan on (model_version|logged)", "".join(plans)), plans
