"""The registry and webhooks of a source and of a server, compared."""

from __future__ import annotations

from milepost import v1 as pb
from milepost.client import Client
from milepost.errors import NotFoundError
from milepost.migration import counting
from milepost.migration.comparing import compare
from milepost.migration.fitting import fit
from milepost.migration.importing_registry import fit_registered_models
from milepost.migration.report import Report
from milepost.migration.source import Source

_MODEL_FIELDS = ("description", "tags", "aliases", "create_time")
_VERSION_FIELDS = ("description", "tags", "stage", "user", "source_uri", "model_id", "create_time")
_WEBHOOK_FIELDS = ("description", "mlflow_events", "format")


def verify_registered_models(source: Source, client: Client, report: Report) -> None:
    """Compares all registered models with their versions."""
    for entry in fit_registered_models(source):
        expected = entry.registered_model
        try:
            there = client.registered_models.get(expected.name).proto
        except NotFoundError:
            continue
        if there.create_time != expected.create_time:
            continue  # another of the name, so that this one was refused: the counts say so, and the problems
        compare(f"registered model {expected.name}", expected, there, _MODEL_FIELDS, report)
        report.found.update(counting.of_registered_model(there))
        versions = {one.version: one.proto for one in client.model_versions.list(expected.name)}
        for version in entry.model_versions:
            found = versions.get(version.version)
            if found is not None:
                _verify_version(version, found, report)


def _verify_version(expected: pb.ModelVersion, there: pb.ModelVersion, report: Report) -> None:
    what = f"version {expected.version} of {expected.name}"
    report.found.update(counting.of_version(there))
    if there.status == expected.status:
        compare(what, expected, there, (*_VERSION_FIELDS, "status_message"), report)
    else:  # of files that are not on the server: said among the problems, and it has no source then
        compare(what, expected, there, ("description", "tags", "stage", "user", "create_time", "status"), report)


def verify_webhooks(source: Source, client: Client, report: Report) -> None:
    """Compares all webhooks, which are known by name and URL."""
    there = {(one.name, one.url): one for one in client.webhooks.list()}
    for webhook in source.webhooks():
        found = there.get((webhook.name, webhook.url))
        if fit(webhook, f"webhook {webhook.name}", source.problems) and found is not None:
            report.found["webhooks"] += 1
            compare(f"webhook {webhook.name}", webhook, found, _WEBHOOK_FIELDS, report)
