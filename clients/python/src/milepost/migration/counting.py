"""Counts of what resources hold, the same way on both sides."""

from __future__ import annotations

from collections import Counter

from milepost import v1 as pb


def of_experiment(one: pb.Experiment) -> Counter[str]:
    """An experiment."""
    return Counter(experiments=1, tags=len(one.tags))


def of_run(one: pb.Run) -> Counter[str]:
    """A run without its points."""
    return Counter(runs=1, params=len(one.params), tags=len(one.tags), datasets=len(one.inputs))


def of_logged_model(one: pb.LoggedModel) -> Counter[str]:
    """A logged model without its files."""
    return Counter(logged_models=1, params=len(one.params), tags=len(one.tags), model_metrics=len(one.metrics))


def of_registered_model(one: pb.RegisteredModel) -> Counter[str]:
    """A registered model without its versions."""
    return Counter(registered_models=1, tags=len(one.tags), aliases=len(one.aliases))


def of_version(one: pb.ModelVersion) -> Counter[str]:
    """A version."""
    return Counter(versions=1, tags=len(one.tags))
