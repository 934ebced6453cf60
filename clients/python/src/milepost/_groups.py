"""The verbs of the synchronous client, by resource."""

from __future__ import annotations

import builtins
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from milepost import _methods as rpc
from milepost import _requests as req
from milepost import v1 as pb
from milepost._handles import Experiment, Run
from milepost._methods import Method
from milepost._pages import Pages
from milepost._requests import KeyKind, View, name_list
from milepost._values import MetricsInput, ModelMetrics
from milepost._views import RunState
from milepost._watching import Course, Item, RunChanges, RunReader, Watch
from milepost.errors import ExperimentExists, ExperimentNotFound

if TYPE_CHECKING:
    from milepost.client import Client


class _Group:
    def __init__(self, client: Client) -> None:
        self._client = client
        self._transport = client._transport

    def _watch(
        self, method: Method[Any, Any], request: Any, read: Callable[[Any], Iterable[Item]], timeout: float | None
    ) -> Watch[Item]:
        timeout_s = self._transport.config.timeout_s if timeout is None else timeout
        return Watch(self._transport, Course(method, request, read, timeout_s))

    def _experiment_ids(self, ids: Sequence[str], names: str | Sequence[str] | None) -> Sequence[str]:
        found = [self._client.experiments.get_by_name(name).experiment_id for name in name_list(names)]
        return [*ids, *found]


class Experiments(_Group):
    """Verbs on experiments."""

    def create(
        self,
        name: str,
        *,
        description: str = "",
        tags: Mapping[str, str] | None = None,
        request_id: str = "",
        timeout: float | None = None,
    ) -> Experiment:
        """Creates an experiment. Raises `ExperimentExists` when one, perhaps a deleted one, has the name."""
        return self._one(req.create_experiment(name, description, tags, request_id), timeout)

    def get(self, experiment_id: str, *, timeout: float | None = None) -> Experiment:
        """Reads one, also a deleted one. Raises `ExperimentNotFound`."""
        return self._one(req.get_experiment(experiment_id), timeout)

    def get_by_name(self, name: str, *, timeout: float | None = None) -> Experiment:
        """Reads the one of a name, also a deleted one. Raises `ExperimentNotFound`."""
        return self._one(req.get_experiment_by_name(name), timeout)

    def get_or_create(
        self,
        name: str,
        *,
        description: str = "",
        tags: Mapping[str, str] | None = None,
        timeout: float | None = None,
    ) -> Experiment:
        """Reads the one of a name, and creates it when there is none; description and tags count only then."""
        try:
            return self.get_by_name(name, timeout=timeout)
        except ExperimentNotFound:
            pass
        try:
            return self.create(name, description=description, tags=tags, timeout=timeout)
        except ExperimentExists:  # another process was faster
            return self.get_by_name(name, timeout=timeout)

    def batch_get(self, experiment_ids: Sequence[str], *, timeout: float | None = None) -> list[Experiment]:
        """Reads several in the order asked for. Raises `ExperimentNotFound` when one does not exist."""
        found = self._transport.call(req.batch_get_experiments(experiment_ids), timeout)
        return [Experiment(self._client, proto) for proto in found]

    def list(
        self,
        *,
        filter: str = "",
        order_by: str = "",
        view: View = "active",
        fields: Sequence[str] | None = None,
        page_size: int = 0,
        limit: int | None = None,
        timeout: float | None = None,
    ) -> Pages[Experiment]:
        """Lists experiments, newest first unless ordered otherwise.

        Args:
            filter: In the filter language, for example `name LIKE 'digits%' AND tags.team = 'vision'`.
            order_by: Comma-separated attributes or tags, each with an optional `ASC` or `DESC`.
            view: Whether deleted ones are shown.
            fields: Fields to read. None for all.
            page_size: Experiments asked for at once; 0 for the server's default.
            limit: Experiments in all.
            timeout: Seconds for each page.
        """
        paged = req.list_experiments(filter, order_by, view, fields)

        def fetch(token: str, size: int) -> tuple[builtins.list[Experiment], str]:
            protos, next_token = self._transport.call(paged.page(token, size), timeout)
            return [Experiment(self._client, proto) for proto in protos], next_token

        return Pages(fetch, page_size=page_size, limit=limit)

    def update(
        self,
        experiment_id: str,
        *,
        name: str | None = None,
        description: str | None = None,
        tags: Mapping[str, str] | None = None,
        etag: str = "",
        timeout: float | None = None,
    ) -> Experiment:
        """Changes what is not None; `tags` replaces all. Raises `EtagMismatch` when the given `etag` is old."""
        return self._one(req.update_experiment(experiment_id, name, description, tags, etag), timeout)

    def update_tags(
        self,
        experiment_id: str,
        set: Mapping[str, str] | None = None,
        delete: Iterable[str] = (),
        *,
        timeout: float | None = None,
    ) -> Experiment:
        """Sets and removes tags, leaving the others. Raises `TagNotFound` for one to remove that is not there."""
        return self._one(req.update_experiment_tags(experiment_id, set, delete), timeout)

    def delete(self, experiment_id: str, *, timeout: float | None = None) -> Experiment:
        """Marks it and its active runs as deleted; its name stays taken."""
        return self._one(req.delete_experiment(experiment_id), timeout)

    def restore(self, experiment_id: str, *, timeout: float | None = None) -> Experiment:
        """Takes `delete` back, for the runs that it took too."""
        return self._one(req.restore_experiment(experiment_id), timeout)

    def purge(self, experiment_id: str, *, dry_run: bool = False, timeout: float | None = None) -> pb.PurgeSummary:
        """Removes a deleted one with all its runs for good. Never repeated by itself. Raises `NotDeleted`."""
        return self._transport.call(req.purge_experiment(experiment_id, dry_run), timeout)

    def watch(
        self,
        experiment_id: str,
        *,
        fields: Sequence[str] | None = None,
        resume_token: str = "",
        timeout: float | None = None,
    ) -> Watch[RunChanges[Run]]:
        """Follows its runs as they are created, changed and removed.

        The first item comes at once. Read it, then list the runs, then read on: nothing is missed.

        Args:
            experiment_id: The experiment.
            fields: Fields of the runs to read. None for all.
            resume_token: `Watch.resume_token` of an earlier one: what changed since comes first. Empty: from now on.
            timeout: Seconds without a connection after which reading raises `MilepostError`.

        Raises:
            ExperimentNotFound: When it is read: there is no such experiment.
        """
        request = req.watch_experiment(experiment_id, fields, resume_token)

        def read(response: pb.WatchExperimentResponse) -> builtins.list[RunChanges[Run]]:
            runs = [Run(self._client, proto) for proto in response.runs]
            return [RunChanges(runs, [*response.purged_run_ids])]

        return self._watch(rpc.WATCH_EXPERIMENT, request, read, timeout)

    def _one(self, op: req.Op[pb.Experiment], timeout: float | None) -> Experiment:
        return Experiment(self._client, self._transport.call(op, timeout))


class Runs(_Group):
    """Verbs on runs."""

    def create(
        self,
        experiment_id: str = "0",
        *,
        name: str = "",
        run_id: str = "",
        params: Mapping[str, Any] | None = None,
        tags: Mapping[str, str] | None = None,
        parent_run_id: str = "",
        description: str = "",
        user: str = "",
        state: RunState | str = RunState.RUNNING,
        start_time: datetime | None = None,
        request_id: str = "",
        timeout: float | None = None,
    ) -> Run:
        """Creates a run.

        Args:
            experiment_id: Its experiment; `0` is the experiment `Default`.
            name: Shown in lists. Empty: the server makes one up.
            run_id: An id of one's own choice: 1-64 letters, digits, `_` and `-`. Empty: the server assigns one.
            params: Params to log; values as of `Run.log_params`.
            tags: Labels by key.
            parent_run_id: The run that it is nested in.
            description: Free text.
            user: Who starts it.
            state: Where it stands.
            start_time: When the work began. None for now.
            request_id: Makes a repeat by another process safe. Empty: the client makes one for its own repeats.
            timeout: Seconds.

        Raises:
            RunExists: The id is taken.
            ExperimentNotFound, ExperimentDeleted: No run can be created there.
        """
        op = req.create_run(
            experiment_id,
            name=name,
            run_id=run_id,
            params=params,
            tags=tags,
            parent_run_id=parent_run_id,
            description=description,
            user=user,
            state=RunState.parse(state),
            start_time=start_time,
            request_id=request_id,
        )
        return self._one(op, timeout)

    def get(self, run_id: str, *, timeout: float | None = None) -> Run:
        """Reads one, also a deleted one. Raises `RunNotFound`."""
        return self._one(req.get_run(run_id), timeout)

    def batch_get(
        self, run_ids: Sequence[str], *, fields: Sequence[str] | None = None, timeout: float | None = None
    ) -> list[Run]:
        """Reads several in the order asked for; `fields` as of `list`. Raises `RunNotFound` when one does not exist."""
        found = self._transport.call(req.batch_get_runs(run_ids, fields), timeout)
        return [Run(self._client, proto) for proto in found]

    def list(
        self,
        experiment_ids: Sequence[str] = (),
        *,
        experiment: str | Sequence[str] | None = None,
        filter: str = "",
        order_by: str = "",
        view: View = "active",
        fields: Sequence[str] | None = None,
        columns: Sequence[str] = (),
        page_size: int = 0,
        limit: int | None = None,
        timeout: float | None = None,
    ) -> Pages[Run]:
        """Lists runs, latest start first unless ordered otherwise.

        Args:
            experiment_ids: Experiments whose runs to list. With no `experiment` either: of all experiments.
            experiment: Names of further ones; reading the list raises `ExperimentNotFound` for an unknown name.
            filter: In the filter language, for example `metrics.loss < 0.2 AND params.depth >= 4`.
            order_by: Comma-separated attributes, metrics, params or tags, each with an optional `ASC` or `DESC`.
            view: Whether deleted ones are shown.
            fields: Fields to read, for example `("run_id", "name", "metrics")`. None for all.
            columns: Params, tags and metrics to read, for example `("params.lr", "metrics.loss")`; of these kinds
                nothing else is read then. Empty for all that `fields` has.
            page_size: Runs asked for at once; 0 for the server's default.
            limit: Runs in all.
            timeout: Seconds for each page.
        """
        op = req.list_runs((), filter, order_by, view, fields, columns)

        def fetch(token: str, size: int) -> tuple[builtins.list[Run], str]:
            if not op.request.experiment_ids:
                op.request.experiment_ids.extend(self._experiment_ids(experiment_ids, experiment))
            protos, next_token = self._transport.call(op.page(token, size), timeout)
            return [Run(self._client, proto) for proto in protos], next_token

        return Pages(fetch, page_size=page_size, limit=limit)

    def count(
        self,
        experiment_ids: Sequence[str] = (),
        *,
        experiment: str | Sequence[str] | None = None,
        filter: str = "",
        view: View = "active",
        timeout: float | None = None,
    ) -> int:
        """Counts runs; arguments as of `list`."""
        chosen = self._experiment_ids(experiment_ids, experiment)
        return self._transport.call(req.count_runs(chosen, filter, view), timeout)

    def group(
        self,
        by: Sequence[str],
        experiment_ids: Sequence[str] = (),
        *,
        metrics: Sequence[str] = (),
        experiment: str | Sequence[str] | None = None,
        filter: str = "",
        order_by: str = "",
        view: View = "active",
        page_size: int = 0,
        limit: int | None = None,
        timeout: float | None = None,
    ) -> Pages[pb.RunGroup]:
        """Groups runs that agree in some params, tags or attributes, and aggregates metrics over each group.

        Args:
            by: What the runs of a group agree in, for example `("params.lr", "tags.team")`.
            experiment_ids: As of `list`.
            metrics: What to aggregate, for example `("metrics.accuracy", "metrics.loss.min")`.
            experiment: As of `list`.
            filter: As of `list`.
            order_by: `runs`, or an aggregate such as `mean(metrics.accuracy) DESC`. Default: `runs DESC`.
            view: As of `list`.
            page_size: Groups asked for at once; 0 for the server's default.
            limit: Groups in all.
            timeout: Seconds for each page.
        """
        op = req.group_runs(by, metrics, filter, order_by, view)
        return self._facet(op, experiment_ids, experiment, page_size, limit, timeout)

    def keys(
        self,
        kind: KeyKind,
        experiment_ids: Sequence[str] = (),
        *,
        experiment: str | Sequence[str] | None = None,
        prefix: str = "",
        page_size: int = 0,
        limit: int | None = None,
        timeout: float | None = None,
    ) -> Pages[str]:
        """Lists the distinct keys of `params`, `tags` or `metrics` of runs, by name.

        Args:
            kind: Whose keys.
            experiment_ids: As of `list`.
            experiment: As of `list`.
            prefix: Only keys that begin with this.
            page_size: Keys asked for at once; 0 for the server's default.
            limit: Keys in all.
            timeout: Seconds for each page.
        """
        op = req.list_run_keys(kind, prefix)
        return self._facet(op, experiment_ids, experiment, page_size, limit, timeout)

    def values(
        self,
        column: str,
        experiment_ids: Sequence[str] = (),
        *,
        experiment: str | Sequence[str] | None = None,
        prefix: str = "",
        page_size: int = 0,
        limit: int | None = None,
        timeout: float | None = None,
    ) -> Pages[pb.RunValue]:
        """Lists the distinct values of a param or tag as text, each with its number of runs.

        Args:
            column: Such as `params.optimizer`.
            experiment_ids: As of `list`.
            experiment: As of `list`.
            prefix: Only values that begin with this.
            page_size: Values asked for at once; 0 for the server's default.
            limit: Values in all.
            timeout: Seconds for each page.
        """
        op = req.list_run_values(column, prefix)
        return self._facet(op, experiment_ids, experiment, page_size, limit, timeout)

    def _facet(
        self,
        op: req.PagedOp[Item],
        experiment_ids: Sequence[str],
        experiment: str | Sequence[str] | None,
        page_size: int,
        limit: int | None,
        timeout: float | None,
    ) -> Pages[Item]:
        def fetch(token: str, size: int) -> tuple[builtins.list[Item], str]:
            if not op.request.experiment_ids:
                op.request.experiment_ids.extend(self._experiment_ids(experiment_ids, experiment))
            return self._transport.call(op.page(token, size), timeout)

        return Pages(fetch, page_size=page_size, limit=limit)

    def update(
        self,
        run_id: str,
        *,
        name: str | None = None,
        state: RunState | str | None = None,
        start_time: datetime | None = None,
        end_time: datetime | None = None,
        description: str | None = None,
        user: str | None = None,
        etag: str = "",
        clear: Iterable[str] = (),
        timeout: float | None = None,
    ) -> Run:
        """Changes what is not None and empties the fields named in `clear`, for example `end_time`.

        A final `state` without an `end_time` makes the server set that. Raises `EtagMismatch` when the given `etag` is
        old.
        """
        op = req.update_run(
            run_id,
            name=name,
            state=None if state is None else RunState.parse(state),
            start_time=start_time,
            end_time=end_time,
            description=description,
            user=user,
            etag=etag,
            clear=clear,
        )
        return self._one(op, timeout)

    def delete(self, run_id: str, *, timeout: float | None = None) -> Run:
        """Marks it as deleted."""
        return self._one(req.delete_run(run_id), timeout)

    def restore(self, run_id: str, *, timeout: float | None = None) -> Run:
        """Takes `delete` back. Raises `ExperimentDeleted` while its experiment is deleted."""
        return self._one(req.restore_run(run_id), timeout)

    def purge(self, run_id: str, *, dry_run: bool = False, timeout: float | None = None) -> pb.PurgeSummary:
        """Removes a deleted one for good, with its artifacts. Never repeated by itself. Raises `NotDeleted`."""
        return self._transport.call(req.purge_run(run_id, dry_run), timeout)

    def purge_many(
        self,
        experiment_ids: Sequence[str] = (),
        *,
        filter: str = "",
        deleted_before: datetime | None = None,
        limit: int = 0,
        dry_run: bool = False,
        timeout: float | None = None,
    ) -> pb.PurgeRunsResponse:
        """Removes some of the deleted ones for good: repeat while `remaining` is not 0. Never repeated by itself.

        Args:
            experiment_ids: Experiments whose runs to remove. Empty for all.
            filter: See `docs/filters.md`. Empty for all.
            deleted_before: Only those that were deleted earlier. None for all.
            limit: Most to remove, 1 to 1,000. 0: 100.
            dry_run: Whether to remove nothing and count all of them.
            timeout: Seconds.
        """
        op = req.purge_runs(experiment_ids, filter, deleted_before, limit, dry_run)
        return self._transport.call(op, timeout)

    def log_batch(
        self,
        run_id: str,
        *,
        params: Mapping[str, Any] | None = None,
        tags: Mapping[str, str] | None = None,
        metrics: MetricsInput | None = None,
        step: int = 0,
        timestamp_ms: int | None = None,
        model_metrics: Mapping[str, ModelMetrics] | None = None,
        skip_repeated_points: bool = False,
        name: str | None = None,
        description: str | None = None,
        timeout: float | None = None,
    ) -> int:
        """Logs params, tags and metrics in one transaction; arguments as of `Run.log_batch`.

        `model_metrics` are metrics of logged models, by the models' ids; see `LoggedModels.update`.
        `skip_repeated_points` leaves out points that are stored already, or occur earlier in `metrics`, with the same
        key, step, time and value: NaN equals NaN, and -0.0 differs from 0.0. Without a `timestamp_ms` nothing repeats.
        `name` and `description` are new ones of the run; None leaves them as they are.

        Returns:
            The number of metric points stored, once they are durable. Those left out do not count.

        Raises:
            ParamConflict: A param has another value already; then nothing is stored.
            LoggedModelNotFound, LoggedModelDeleted: A model of `model_metrics` takes none; then nothing is stored.
        """
        op = req.log_batch(
            run_id, params, tags, metrics, step, timestamp_ms, model_metrics, skip_repeated_points, name, description
        )
        return self._transport.call(op, timeout)

    def delete_tags(self, run_id: str, keys: Iterable[str], *, timeout: float | None = None) -> None:
        """Removes tags. Raises `TagNotFound` when there is no such tag."""
        self._transport.call(req.delete_run_tags(run_id, keys), timeout)

    def log_inputs(
        self,
        run_id: str,
        inputs: Iterable[pb.DatasetInput] = (),
        *,
        models: Iterable[str] = (),
        timeout: float | None = None,
    ) -> None:
        """Records datasets that a run reads, and logged models that it uses, these by their ids.

        Raises:
            LoggedModelNotFound: There is no such model; then nothing is stored.
        """
        self._transport.call(req.log_inputs(run_id, inputs, models), timeout)

    def log_outputs(self, run_id: str, models: Iterable[str], *, step: int = 0, timeout: float | None = None) -> None:
        """Records logged models, by their ids, that a run made at a step; one that is recorded takes the new step.

        Raises:
            LoggedModelNotFound: There is no such model; then nothing is stored.
        """
        self._transport.call(req.log_outputs(run_id, models, step), timeout)

    def watch(self, run_id: str, *, fields: Sequence[str] | None = None, timeout: float | None = None) -> Watch[Run]:
        """Follows it: yields the run as it is now, and again each time that it has changed.

        Args:
            run_id: The run.
            fields: Fields to read, for example `("state", "metrics")`; changes of others are not told. None for all.
            timeout: Seconds without a connection after which reading raises `MilepostError`.

        Raises:
            RunNotFound: When it is read: there is no such run.
        """
        reader = RunReader()

        def read(response: pb.WatchRunResponse) -> builtins.list[Run]:
            return [Run(self._client, proto) for proto in reader(response)]

        return self._watch(rpc.WATCH_RUN, req.watch_run(run_id, fields), read, timeout)

    def _one(self, op: req.Op[pb.Run], timeout: float | None) -> Run:
        return Run(self._client, self._transport.call(op, timeout))


class Datasets(_Group):
    """Verbs on datasets."""

    def list(
        self,
        experiment_ids: Sequence[str] = (),
        *,
        experiment: str | Sequence[str] | None = None,
        page_size: int = 0,
        limit: int | None = None,
        timeout: float | None = None,
    ) -> Pages[pb.ExperimentDataset]:
        """Lists datasets by name and digest; arguments as of `Runs.list`."""
        op = req.list_datasets(())

        def fetch(token: str, size: int) -> tuple[builtins.list[pb.ExperimentDataset], str]:
            if not op.request.experiment_ids:
                op.request.experiment_ids.extend(self._experiment_ids(experiment_ids, experiment))
            return self._transport.call(op.page(token, size), timeout)

        return Pages(fetch, page_size=page_size, limit=limit)
