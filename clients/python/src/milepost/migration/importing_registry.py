"""Registered models, their versions and webhooks into a server."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from milepost import v1 as pb
from milepost.client import Client
from milepost.errors import MilepostError
from milepost.migration import counting, target
from milepost.migration.fitting import fit
from milepost.migration.report import Problems
from milepost.migration.source import Source
from milepost.migration.target import Target

_VERSIONS_AT_ONCE = 5000


def import_registered_models(source: Source, receiver: Target | None) -> Counter[str]:
    """Sends all registered models. Returns their counts, without what was refused.

    Args:
        source: Where they come from.
        receiver: The server. None in a dry run.
    """
    counts: Counter[str] = Counter()
    for entry in fit_registered_models(source):
        what = f"registered model {entry.registered_model.name}"
        counts.update(counting.of_registered_model(entry.registered_model))
        for version in entry.model_versions:
            counts.update(counting.of_version(version))
        for part in _parts(entry) if receiver is not None else ():
            assert receiver is not None
            outcome = receiver.registered_model(part)
            if outcome is None or outcome.outcome == target.NAME_TAKEN:
                if outcome is not None:
                    source.problems.add(what, "", "the server has another of this name; not imported.")
                _take_out(counts, entry)
                break
            _note_versions(part, outcome, source.problems)
    return counts


def fit_registered_models(source: Source) -> Iterator[pb.ImportedRegisteredModel]:
    """All registered models of a source, without what a server does not take."""
    for entry in source.registered_models():
        name = entry.registered_model.name
        before = {version.version for version in entry.model_versions}
        if not fit(entry.registered_model, f"registered model {name}", source.problems):
            continue
        for version in [*entry.model_versions]:
            if not fit(version, f"version {version.version} of {name}", source.problems, required=("version",)):
                entry.model_versions.remove(version)
        after = {version.version for version in entry.model_versions}
        for alias in [key for key, number in entry.registered_model.aliases.items() if number in before - after]:
            source.problems.add(f"registered model {name}", f"aliases.{alias}", "its version is left out; left out.")
            del entry.registered_model.aliases[alias]
        yield entry


def import_webhooks(source: Source, client: Client | None) -> Counter[str]:
    """Creates the webhooks that the server has not, by name and URL. Returns their count, without those refused.

    Args:
        source: Where they come from.
        client: Of the server. None in a dry run.
    """
    there = set() if client is None else {(one.name, one.url) for one in client.webhooks.list()}
    counts: Counter[str] = Counter()
    for webhook in source.webhooks():
        what = f"webhook {webhook.name}"
        if not fit(webhook, what, source.problems):
            continue
        if client is not None and (webhook.name, webhook.url) not in there:
            try:
                client.webhooks.create(
                    webhook.name,
                    webhook.url,
                    description=webhook.description,
                    mlflow_events=webhook.mlflow_events,
                    format="MLFLOW",
                    active=webhook.state == pb.Webhook.STATE_ACTIVE,
                )
            except MilepostError as error:
                if error.retriable:
                    raise
                source.problems.add(what, "", f"refused, not imported: {error}")
                continue
        counts["webhooks"] += 1
    return counts


def _parts(entry: pb.ImportedRegisteredModel) -> Iterator[pb.ImportedRegisteredModel]:
    """The model in requests that are not too large; aliases come with the last, when all versions are there."""
    versions = [*entry.model_versions]
    starts = range(0, max(len(versions), 1), _VERSIONS_AT_ONCE)
    for start in starts:
        part = pb.ImportedRegisteredModel(
            registered_model=entry.registered_model,
            model_versions=versions[start : start + _VERSIONS_AT_ONCE],
            greatest_version=entry.greatest_version,
        )
        if start != starts[-1]:
            part.registered_model.aliases.clear()
        yield part


def _note_versions(part: pb.ImportedRegisteredModel, outcome: pb.RegisteredModelOutcome, problems: Problems) -> None:
    for version, stored in zip(part.model_versions, outcome.versions, strict=True):
        what = f"version {version.version} of {version.name}"
        if stored.outcome == target.ID_TAKEN:
            problems.add(what, "", "the model has, or had, another version of this number; not imported.")
        elif stored.status == pb.ModelVersion.STATUS_FAILED != version.status:
            problems.add(what, "status", "its files are not on the server; imported as failed.")


def _take_out(counts: Counter[str], entry: pb.ImportedRegisteredModel) -> None:
    counts.subtract(counting.of_registered_model(entry.registered_model))
    for version in entry.model_versions:
        counts.subtract(counting.of_version(version))
