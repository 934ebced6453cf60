"""What the databases find, in which order and on which page, is what the plain evaluator says."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

import pytest
import pytest_asyncio
from hypothesis import example, given, settings
from hypothesis import strategies as st

from milepost import v1 as pb
from milepost_server.filters import (
    EXPERIMENTS,
    And,
    Attribute,
    Comparison,
    Expression,
    In,
    IsNull,
    Match,
    Metric,
    Not,
    Operand,
    Or,
    OrderKey,
    Param,
    Tag,
    Value,
    ValueKind,
)
from milepost_server.filters.ast import MAX_TERMS
from milepost_server.services.clock import system_clock
from milepost_server.services.experiments import ExperimentService
from milepost_server.services.runs import RunService
from milepost_server.storage.base import Storage
from support.databases import opened
from support.filter_evaluator import EntityT, matches, sort_runs
from support.filter_renderer import render, render_order
from support.filter_strategies import COMPARISONS, expressions, orders
from support.search_corpus import TEXTS, TIMES, WORDS, recipes, store

RUNS = 48
VIEWS = st.sampled_from([pb.VIEW_UNSPECIFIED, pb.VIEW_ACTIVE, pb.VIEW_DELETED, pb.VIEW_ALL])
# As many values as a filter may have.
MANY: tuple[Value, ...] = tuple(range(MAX_TERMS))
EXPERIMENT_ID = Attribute("experiment_id", ValueKind.INTEGER)
NAMES = st.sampled_from([f"{text}{number % 2}" for number, text in enumerate(TEXTS)])
PAGE_SIZES = st.integers(1, RUNS)


class Corpus:
    """Stored resources, as a reader sees them, and the services that search them."""

    def __init__(self, runs: RunService, experiments: ExperimentService) -> None:
        self._run_service = runs
        self._experiment_service = experiments
        self.runs: list[pb.Run] = []
        self.experiments: list[pb.Experiment] = []

    async def load(self) -> None:
        """Reads back what was stored, in order of creation."""
        self.runs, _ = await self._run_service.list(pb.ListRunsRequest(view=pb.VIEW_ALL, page_size=1000))
        self.runs.sort(key=lambda run: int(run.run_id[1:]))
        self.experiments, _ = await self._experiment_service.list(
            pb.ListExperimentsRequest(view=pb.VIEW_ALL, page_size=1000)
        )
        self.experiments.sort(key=lambda each: int(each.experiment_id))

    async def find_runs(self, request: pb.ListRunsRequest) -> list[str]:
        """Ids of all runs that `request` finds, page by page."""
        found: list[str] = []
        while True:
            page, request.page_token = await self._run_service.list(request)
            found += [run.run_id for run in page]
            if not request.page_token:
                return found
            assert len(page) == request.page_size

    async def find_experiments(self, request: pb.ListExperimentsRequest) -> list[str]:
        """Ids of all experiments that `request` finds, page by page."""
        found: list[str] = []
        while True:
            page, request.page_token = await self._experiment_service.list(request)
            found += [experiment.experiment_id for experiment in page]
            if not request.page_token:
                return found
            assert len(page) == request.page_size


EXPERIMENT_OPERANDS: st.SearchStrategy[Operand] = st.one_of(
    st.sampled_from([Attribute(name, kind) for name, kind in EXPERIMENTS.attributes.items()]),
    st.builds(Tag, WORDS.keys),
)


@st.composite
def experiment_conditions(draw: st.DrawFn) -> Expression:
    """A condition on a text or a time of an experiment, or its opposite."""
    operand = draw(EXPERIMENT_OPERANDS.filter(lambda operand: operand != EXPERIMENT_ID))
    is_time = isinstance(operand, Attribute) and operand.kind is ValueKind.TIME
    values: st.SearchStrategy[Value] = WORDS.times if is_time else WORDS.texts | NAMES
    choices: list[st.SearchStrategy[Expression]] = [
        st.builds(Comparison, st.just(operand), st.sampled_from(COMPARISONS), values),
        st.builds(In, st.just(operand), st.lists(values, min_size=1, max_size=3).map(tuple), st.booleans()),
        st.builds(IsNull, st.just(operand), st.booleans()),
    ]
    if not is_time:
        choices.append(st.builds(Match, st.just(operand), WORDS.patterns, st.booleans()))
    condition = draw(st.one_of(choices))
    return Not(condition) if draw(st.booleans()) else condition


@pytest_asyncio.fixture(scope="module")
async def corpus(database_url: str) -> AsyncIterator[Corpus]:
    """The same resources on each database."""
    async with opened(database_url) as storage:
        yield await _fill(storage)


async def _fill(storage: Storage) -> Corpus:
    experiment_service = ExperimentService(storage, iter([*TIMES, *range(1000)]).__next__)
    experiments = [await _create_experiment(experiment_service, number) for number in range(len(TEXTS))]
    for recipe in recipes(RUNS, [int(experiment.experiment_id) for experiment in experiments[:3]]):
        await storage.write(store(recipe))
    corpus = Corpus(RunService(storage, system_clock), experiment_service)
    await corpus.load()
    assert len(corpus.runs) == RUNS
    return corpus


async def _create_experiment(service: ExperimentService, number: int) -> pb.Experiment:
    tags = {key: TEXTS[number - place] for place, key in enumerate(("a", "b c")) if (number + place) % 3}
    given_ = pb.Experiment(name=f"{TEXTS[number]}{number % 2}", description=TEXTS[-number], tags=tags)
    created = await service.create(pb.CreateExperimentRequest(experiment=given_))
    if number % 5 == 4:
        return await service.set_deleted(pb.DeleteExperimentRequest(experiment_id=created.experiment_id), True)
    return created


def _in_view(resources: Sequence[EntityT], view: pb.View.ValueType) -> list[EntityT]:
    if view == pb.VIEW_ALL:
        return list(resources)
    return [each for each in resources if each.HasField("delete_time") == (view == pb.VIEW_DELETED)]


@settings(deadline=None)
@given(filter_=expressions(WORDS), view=VIEWS)
@example(filter_=Match(Tag("a"), "[a]*?", case_sensitive=True), view=pb.VIEW_ALL)
@example(filter_=Match(Tag("a"), "É%", case_sensitive=False), view=pb.VIEW_ALL)
@example(filter_=In(Metric("a", "count"), (1, 2.0, 2.5), negated=False), view=pb.VIEW_ALL)
async def test_filters_find_what_the_evaluator_finds(
    corpus: Corpus, filter_: Expression, view: pb.View.ValueType
) -> None:
    found = await corpus.find_runs(pb.ListRunsRequest(filter=render(filter_), view=view, page_size=1000))
    assert sorted(found) == sorted(run.run_id for run in _in_view(corpus.runs, view) if matches(filter_, run))


@pytest.mark.parametrize(
    "filter_",
    [
        In(Param("a"), MANY, negated=False),
        In(Metric("a", "count"), MANY, negated=True),
        And(tuple(Comparison(Param("a"), "!=", value) for value in MANY)),
        Or(tuple(Comparison(Metric("a", "last"), "=", float(value)) for value in MANY)),
    ],
    ids=lambda filter_: f"{type(filter_).__name__}-{len(render(filter_))}",
)
async def test_a_filter_may_be_as_long_as_documented(corpus: Corpus, filter_: Expression) -> None:
    found = await corpus.find_runs(pb.ListRunsRequest(filter=render(filter_), view=pb.VIEW_ALL, page_size=1000))
    assert sorted(found) == sorted(run.run_id for run in corpus.runs if matches(filter_, run))


@settings(deadline=None, max_examples=50)
@given(filter_=st.none() | expressions(WORDS), keys=orders(WORDS).filter(bool), page_size=PAGE_SIZES)
@example(filter_=None, keys=(OrderKey(Param("a"), descending=False),), page_size=1)
@example(filter_=None, keys=(OrderKey(Param("a"), descending=True),), page_size=1)
async def test_pages_follow_the_order_of_the_evaluator(
    corpus: Corpus, filter_: Expression | None, keys: tuple[OrderKey, ...], page_size: int
) -> None:
    request = pb.ListRunsRequest(
        filter=render(filter_), order_by=render_order(keys), view=pb.VIEW_ALL, page_size=page_size
    )
    expected = sort_runs([run for run in corpus.runs if matches(filter_, run)], keys)
    assert await corpus.find_runs(request) == [run.run_id for run in expected]


@settings(deadline=None, max_examples=50)
@given(
    filter_=st.none() | experiment_conditions(),
    keys=st.lists(
        st.builds(OrderKey, EXPERIMENT_OPERANDS, st.booleans()),
        min_size=1,
        max_size=8,
        unique_by=lambda key: key.operand,
    ).map(tuple),
    view=VIEWS,
    page_size=PAGE_SIZES,
)
async def test_experiments_are_searched_by_the_same_rules(
    corpus: Corpus,
    filter_: Expression | None,
    keys: tuple[OrderKey, ...],
    view: pb.View.ValueType,
    page_size: int,
) -> None:
    request = pb.ListExperimentsRequest(
        filter=render(filter_), order_by=render_order(keys), view=view, page_size=page_size
    )
    expected = sort_runs([each for each in _in_view(corpus.experiments, view) if matches(filter_, each)], keys)
    assert await corpus.find_experiments(request) == [each.experiment_id for each in expected]
