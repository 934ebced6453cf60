"""The verbs of the synchronous client on logged models."""

from __future__ import annotations

import builtins
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from milepost import _logged_model_requests as req
from milepost import v1 as pb
from milepost._groups import _Group
from milepost._logged_model_requests import MeasuredOn
from milepost._pages import Pages
from milepost._registry_handles import LoggedModel
from milepost._registry_views import ModelStatus
from milepost._requests import Op, View
from milepost._values import ModelMetrics


class LoggedModels(_Group):
    """Verbs on logged models. `milepost.log_model` makes one of a model in memory."""

    def create(
        self,
        run_id: str | None,
        name: str,
        *,
        experiment_id: str = "",
        output_step: int | None = None,
        model_id: str = "",
        model_type: str = "",
        flavors: Iterable[str] = (),
        signature_json: str = "",
        params: Mapping[str, Any] | None = None,
        tags: Mapping[str, str] | None = None,
        request_id: str = "",
        timeout: float | None = None,
    ) -> LoggedModel:
        """Creates a pending model, whose files are then uploaded below `LoggedModel.path`, and `finalize` ends that.

        Args:
            run_id: The run that makes it. None: there is none, and the server makes one that holds the files.
            name: What it is called within its run; need not be unique.
            experiment_id: Its experiment, when it has no run.
            output_step: Step at which it was saved, to record it as an output of its run. None: it is not recorded.
            model_id: An id of one's own choice, `m-` and 32 hexadecimal digits. Empty: the server assigns one.
            model_type: What it is for, such as `classifier`.
            flavors: Flavors that its descriptor names.
            signature_json: Its signature as in the descriptor.
            params: Params of the model; values as of `Run.log_params`.
            tags: Labels by key.
            request_id: Makes a repeat by another process safe. Empty: the client makes one for its own repeats.
            timeout: Seconds.

        Raises:
            RunNotFound, RunDeleted, ExperimentNotFound, ExperimentDeleted: No model can be logged there.
            LoggedModelExists: The id is taken.
        """
        op = req.create_logged_model(
            run_id,
            name,
            experiment_id=experiment_id,
            output_step=output_step,
            model_id=model_id,
            model_type=model_type,
            flavors=flavors,
            signature_json=signature_json,
            params=params,
            tags=tags,
            request_id=request_id,
        )
        return self._one(op, timeout)

    def finalize(
        self,
        model_id: str,
        status: ModelStatus | str = ModelStatus.READY,
        *,
        files: Iterable[pb.ModelFile] = (),
        stored_files: bool = False,
        status_message: str = "",
        flavors: Iterable[str] = (),
        signature_json: str = "",
        timeout: float | None = None,
    ) -> LoggedModel:
        """Ends the upload. Repeating it changes nothing.

        Args:
            model_id: The logged model.
            status: `READY`, or `FAILED` when the upload is given up.
            files: All its files with their digests, when it is ready.
            stored_files: Whether it has the files that are there now, in place of `files`, perhaps none.
            status_message: Why the upload is given up.
            flavors: In place of those given on create. Empty: those stay.
            signature_json: In place of the one given on create. Empty: that stays.
            timeout: Seconds.

        Raises:
            LoggedModelIncomplete: The files on the server are not those of `files`.
            LoggedModelFinal: It was finalized in another way.
        """
        op = req.finalize_logged_model(
            model_id,
            ModelStatus.parse(status),
            files=files,
            stored_files=stored_files,
            status_message=status_message,
            flavors=flavors,
            signature_json=signature_json,
        )
        return self._one(op, timeout)

    def get(self, model_id: str, *, timeout: float | None = None) -> LoggedModel:
        """Reads one with its files, also a deleted one. Raises `LoggedModelNotFound`."""
        return self._one(req.get_logged_model(model_id), timeout)

    def list(
        self,
        experiment_ids: Sequence[str] = (),
        *,
        experiment: str | Sequence[str] | None = None,
        filter: str = "",
        order_by: str = "",
        view: View = "active",
        fields: Sequence[str] | None = None,
        datasets: Sequence[MeasuredOn] = (),
        order_dataset: MeasuredOn | None = None,
        page_size: int = 0,
        limit: int | None = None,
        timeout: float | None = None,
    ) -> Pages[LoggedModel]:
        """Lists logged models, newest first unless ordered otherwise.

        Args:
            experiment_ids: Experiments whose models to list. With no `experiment` either: of all experiments.
            experiment: Names of further ones; reading the list raises `ExperimentNotFound` for an unknown name.
            filter: In the filter language, for example `status = 'ready' AND metrics.accuracy > 0.9`.
            order_by: Comma-separated attributes, metrics, params or tags, each with an optional `ASC` or `DESC`.
            view: Whether deleted ones are shown.
            fields: Fields to read. None for all but `files`.
            datasets: Datasets, by name or name and digest, whose values of metrics count for the filter. None: all.
            order_dataset: The dataset whose values of metrics count for the order. None: any.
            page_size: Models asked for at once; 0 for the server's default.
            limit: Models in all.
            timeout: Seconds for each page.
        """
        op = req.list_logged_models(filter, order_by, view, fields, datasets, order_dataset)

        def fetch(token: str, size: int) -> tuple[builtins.list[LoggedModel], str]:
            if not op.request.experiment_ids:
                op.request.experiment_ids.extend(self._experiment_ids(experiment_ids, experiment))
            protos, next_token = self._transport.call(op.page(token, size), timeout)
            return [LoggedModel(self._client, proto) for proto in protos], next_token

        return Pages(fetch, page_size=page_size, limit=limit)

    def update(
        self,
        model_id: str,
        *,
        params: Mapping[str, Any] | None = None,
        tags: Mapping[str, str] | None = None,
        delete_tags: Iterable[str] = (),
        metrics: ModelMetrics | None = None,
        timeout: float | None = None,
    ) -> LoggedModel:
        """Writes params, tags and metrics in one transaction, also of a ready model.

        Args:
            model_id: The logged model.
            params: Params to write; values as of `Run.log_params`.
            tags: Tags to add or change.
            delete_tags: Keys of tags to remove.
            metrics: A value by key, or metrics with their datasets and steps.
            timeout: Seconds.

        Raises:
            ParamConflict: A param has another value.
            TagNotFound: A tag to remove is not there.
            LoggedModelDeleted, RunDeleted: Restore it first.
        """
        op = req.update_logged_model(model_id, params=params, tags=tags, delete_tags=delete_tags, metrics=metrics)
        return self._one(op, timeout)

    def delete(self, model_id: str, *, timeout: float | None = None) -> LoggedModel:
        """Marks it as deleted; its files go when its run is purged.

        Raises:
            ModelInUse: Versions of registered models consist of it.
        """
        return self._one(req.delete_logged_model(model_id), timeout)

    def restore(self, model_id: str, *, timeout: float | None = None) -> LoggedModel:
        """Takes `delete` back. Raises `RunDeleted`."""
        return self._one(req.restore_logged_model(model_id), timeout)

    def _one(self, op: Op[pb.LoggedModel], timeout: float | None) -> LoggedModel:
        return LoggedModel(self._client, self._transport.call(op, timeout))
