"""Limits: what names and values may be."""

from __future__ import annotations

import pytest

from mlflow_clients.rest import Rest, entries, invalid

GOOD_KEYS = ["a", "a b", "train/loss", "a.b-c_d:e", "é", "日本", "x" * 250]
BAD_KEYS = ["", "a@b", "50%", "f(x)", "a\tb", "a\nb", "/a", "a/", "a//b", "a/../b", "./a", "x" * 251]


@pytest.mark.covers("keys: letters, digits, `_ / . - :` and spaces, 250 characters, a clean path")
@pytest.mark.parametrize("key", GOOD_KEYS)
def test_good_keys_are_taken(rest: Rest, run: str, key: str) -> None:
    entry = {"key": key, "value": "1"}
    rest.post(
        "runs/log-batch", {"run_id": run, "metrics": [{**entry, "timestamp": 1}], "params": [entry], "tags": [entry]}
    )
    data = rest.run(run)["data"]
    assert (entries(data["metrics"])[key], entries(data["params"])[key], entries(data["tags"])[key]) == (1.0, "1", "1")


@pytest.mark.covers("other keys are refused, in every call that takes one")
@pytest.mark.parametrize("key", BAD_KEYS)
def test_bad_keys_are_refused(rest: Rest, run: str, key: str) -> None:
    entry = {"key": key, "value": "1"}
    invalid(rest.send("POST", "runs/log-metric", json={"run_id": run, **entry, "timestamp": 1}))
    invalid(rest.send("POST", "runs/log-parameter", json={"run_id": run, **entry}))
    invalid(rest.send("POST", "runs/set-tag", json={"run_id": run, **entry}))
    for batch in ({"metrics": [{**entry, "timestamp": 1}]}, {"params": [entry]}, {"tags": [entry]}):
        invalid(rest.send("POST", "runs/log-batch", json={"run_id": run, **batch}))


@pytest.mark.covers("values of params up to 6,000 characters and of tags up to 8,000 are kept whole")
def test_long_values_are_kept_whole(rest: Rest, run: str) -> None:
    param, tag = "é" * 6_000, "é" * 8_000
    rest.post("runs/log-parameter", {"run_id": run, "key": "p", "value": param})
    rest.post("runs/set-tag", {"run_id": run, "key": "t", "value": tag})
    data = rest.run(run)["data"]
    assert entries(data["params"])["p"] == param
    assert entries(data["tags"])["t"] == tag


@pytest.mark.covers("longer values are kept whole or refused", difference="cuts them without a word")
@pytest.mark.parametrize("length", [6_001, 8_001, 100_000, 5_000_000])
def test_longer_values_are_never_cut(rest: Rest, run: str, length: int) -> None:
    value = "v" * length
    for call, kind in (("runs/log-parameter", "params"), ("runs/set-tag", "tags")):
        answer = rest.send("POST", call, json={"run_id": run, "key": "k", "value": value})
        stored = entries(rest.run(run)["data"].get(kind, []))
        if answer.status_code == 200:
            assert stored["k"] == value
        else:
            invalid(answer)
            assert "k" not in stored


@pytest.mark.covers("tags of `runs/create` have the limits of all tags", difference="stores bad keys there")
@pytest.mark.parametrize(
    "tags", [[{"key": "a//b", "value": "v"}], [{"key": "a", "value": "1"}, {"key": "a", "value": "2"}]]
)
def test_tags_of_a_new_run_are_checked(rest: Rest, experiment: str, tags: list[dict[str, str]]) -> None:
    invalid(rest.send("POST", "runs/create", json={"experiment_id": experiment, "tags": tags}))
    assert rest.post("runs/search", {"experiment_ids": [experiment]}) == {}


@pytest.mark.covers("names of experiments: not empty; 250 characters are taken")
def test_names_of_experiments_have_limits(rest: Rest, name: str) -> None:
    for bad in ("", "x" * 501):
        invalid(rest.send("POST", "experiments/create", json={"name": bad}))
    invalid(rest.send("POST", "experiments/create", json={}))
    longest = name.ljust(250, "x")
    assert rest.get("experiments/get", experiment_id=rest.new_experiment(longest))["experiment"]["name"] == longest


@pytest.mark.covers("tags of experiments: values of 20,000 characters")
def test_tags_of_experiments_may_be_long(rest: Rest, experiment: str) -> None:
    value = "v" * 20_000
    rest.post("experiments/set-experiment-tag", {"experiment_id": experiment, "key": "t", "value": value})
    assert entries(rest.get("experiments/get", experiment_id=experiment)["experiment"]["tags"])["t"] == value


@pytest.mark.covers("a batch: 1,000 metrics, 100 params, 100 tags, 1,000 entries in all")
def test_a_batch_may_be_as_large_as_mlflows(rest: Rest, run: str) -> None:
    metrics = [{"key": f"m{i}", "value": i, "timestamp": 1} for i in range(800)]
    entries_of = {kind: [{"key": f"{kind}{i}", "value": "1"} for i in range(100)] for kind in ("params", "tags")}
    rest.post("runs/log-batch", {"run_id": run, "metrics": metrics, **entries_of})
    data = rest.run(run)["data"]
    assert (len(data["metrics"]), len(data["params"])) == (800, 100)
    rest.post(
        "runs/log-batch", {"run_id": run, "metrics": [{"key": "m", "value": i, "timestamp": i} for i in range(1000)]}
    )
    assert len(rest.history(run, "m")) == 1000


@pytest.mark.covers("a batch of more than 1,000 metrics, which no stock client sends, is refused")
def test_a_batch_beyond_the_limit_is_refused(rest: Rest, run: str) -> None:
    metrics = [{"key": "m", "value": i, "timestamp": i} for i in range(1001)]
    invalid(rest.send("POST", "runs/log-batch", json={"run_id": run, "metrics": metrics}))
    assert rest.history(run, "m") == []


@pytest.mark.covers("names of registered models: not blank, no `/` and no `:`")
@pytest.mark.parametrize("bad", ["", "a/b", "a:b", "..", "  "])
def test_names_of_registered_models_have_limits(rest: Rest, bad: str) -> None:
    invalid(rest.send("POST", "registered-models/create", json={"name": bad}))


@pytest.mark.covers(
    "names of registered models have no `@`, which begins an alias in `models:/NAME@ALIAS`", difference="takes them"
)
def test_names_of_registered_models_have_no_at(rest: Rest) -> None:
    assert "'@'" in invalid(rest.send("POST", "registered-models/create", json={"name": "a@b"}))


@pytest.mark.covers("aliases: letters, digits, `_` and `-`; `latest` and `v1` are reserved")
@pytest.mark.parametrize("bad", ["", "latest", "Latest", "v12", "a b", "a.b", "x" * 256])
def test_aliases_have_limits(rest: Rest, name: str, bad: str) -> None:
    rest.post("registered-models/create", {"name": name})
    rest.post("model-versions/create", {"name": name, "source": "s3://bucket/model"})
    invalid(rest.send("POST", "registered-models/alias", json={"name": name, "alias": bad, "version": "1"}))
