"""Transport: how requests and answers look on the wire."""

from __future__ import annotations

import json

import pytest

from mlflow_clients.rest import Rest, entries, invalid, refusal


@pytest.mark.covers("every call again below `/ajax-api`")
def test_calls_are_answered_under_both_prefixes(rest: Rest, experiment: str) -> None:
    answers = [
        rest.get(f"/{prefix}/2.0/mlflow/experiments/get", experiment_id=experiment) for prefix in ("api", "ajax-api")
    ]
    assert answers[0] == answers[1]


@pytest.mark.covers("names in snake_case, int64 as numbers, enums as names, unset fields absent")
def test_answers_have_the_shape_that_clients_parse(rest: Rest, experiment: str) -> None:
    run = rest.run(rest.new_run(experiment, start_time=1_600_000_000_123, user_id="ada"))
    info = run["info"]
    assert info["start_time"] == 1_600_000_000_123
    assert info["run_id"] == info["run_uuid"]
    assert (info["status"], info["lifecycle_stage"], info["user_id"]) == ("RUNNING", "active", "ada")
    assert "end_time" not in info
    assert run["inputs"] == {}
    assert run["outputs"] == {}
    assert run["data"].keys() <= {"tags"}


@pytest.mark.covers("an empty answer is `{}`")
def test_what_has_no_answer_gives_an_empty_object(rest: Rest, run: str) -> None:
    assert rest.post("runs/set-tag", {"run_id": run, "key": "a", "value": "b"}) == {}
    assert rest.get("metrics/get-history", run_id=run, metric_key="none") == {}


@pytest.mark.covers("fields in camelCase")
def test_fields_may_be_in_camel_case(rest: Rest, experiment: str) -> None:
    created = rest.post("runs/create", {"experimentId": experiment, "startTime": 7})["run"]["info"]
    assert (created["experiment_id"], created["start_time"]) == (experiment, 7)


@pytest.mark.covers("both spellings of one field are refused")
def test_both_spellings_of_a_field_are_refused(rest: Rest, experiment: str) -> None:
    body = {"experiment_id": experiment, "experimentId": experiment}
    assert invalid(rest.send("POST", "runs/create", json=body))


@pytest.mark.covers("unknown fields of newer clients are ignored")
def test_unknown_fields_are_ignored(rest: Rest, experiment: str) -> None:
    rest.new_run(experiment, field_of_the_future={"a": [1]})
    assert rest.get("experiments/get", experiment_id=experiment, field_of_the_future="1")


@pytest.mark.covers("numbers given as strings, also `NaN` and `Infinity`")
@pytest.mark.parametrize(("given", "stored"), [("1.5", 1.5), ("3", 3.0), ("NaN", "NaN")])
def test_numbers_may_be_text(rest: Rest, run: str, given: object, stored: object) -> None:
    rest.post("runs/log-metric", {"run_id": run, "key": "m", "value": given, "timestamp": "5", "step": "-2"})
    [point] = rest.history(run, "m")
    assert (point["value"], point["timestamp"], point["step"]) == (stored, 5, -2)


@pytest.mark.covers("`run_uuid` for `run_id`, alone or both at once")
def test_old_and_new_names_of_a_run_are_taken(rest: Rest, run: str) -> None:
    assert rest.get("runs/get", run_uuid=run) == rest.get("runs/get", run_id=run, run_uuid=run)
    rest.post("runs/log-parameter", {"run_uuid": run, "key": "p", "value": "1"})
    assert entries(rest.run(run)["data"]["params"]) == {"p": "1"}


@pytest.mark.covers("repeated fields and booleans in a query")
def test_lists_can_stand_in_a_query(rest: Rest, experiment: str, name: str) -> None:
    found = rest.get("experiments/search", max_results=5, filter=f"name = '{name}'", order_by=["name", "creation_time"])
    assert [item["experiment_id"] for item in found["experiments"]] == [experiment]


@pytest.mark.covers("a GET without a query reads a JSON body")
def test_a_get_may_have_a_body(rest: Rest, experiment: str) -> None:
    answer = rest.send("GET", "experiments/get", json={"experiment_id": experiment})
    assert answer.json()["experiment"]["experiment_id"] == experiment


@pytest.mark.covers("a DELETE reads a JSON body")
def test_deletes_read_a_body(rest: Rest, name: str) -> None:
    rest.post("registered-models/create", {"name": name})
    rest.delete("registered-models/delete", {"name": name})
    refusal(rest.send("GET", "registered-models/get", params={"name": name}), 404, "RESOURCE_DOES_NOT_EXIST")


@pytest.mark.covers("a body of another content type is refused")
def test_a_body_must_be_json(rest: Rest) -> None:
    assert rest.send("POST", "experiments/create", data={"name": "a"}).status_code in {400, 415}
    ok = rest.send(
        "POST", "experiments/search", content=b'{"max_results": 1}', headers={"content-type": "application/json; a=b"}
    )
    assert ok.status_code == 200


@pytest.mark.covers(
    "a body that is no JSON is refused",
    difference="takes an unreadable body for an empty one",
)
@pytest.mark.parametrize("body", ["{", "[]", "1", '{"name": "a", "name": "b"}'])
def test_an_unreadable_body_is_refused(rest: Rest, body: str) -> None:
    assert invalid(rest.post_text("experiments/create", body))


@pytest.mark.covers("errors are `{error_code, message}` with MLflow's statuses")
def test_errors_have_mlflows_codes_and_statuses(rest: Rest, name: str, experiment: str) -> None:
    taken = rest.send("POST", "experiments/create", json={"name": name})
    assert name in refusal(taken, 400, "RESOURCE_ALREADY_EXISTS")
    missing = rest.send("GET", "experiments/get-by-name", params={"experiment_name": f"no {name}"})
    refusal(missing, 404, "RESOURCE_DOES_NOT_EXIST")
    refusal(rest.send("GET", "runs/get", params={"run_id": "0" * 32}), 404, "RESOURCE_DOES_NOT_EXIST")
    invalid(rest.send("GET", "experiments/get", params={"experiment_id": "no number"}))


@pytest.mark.covers(
    "errors of unknown paths and verbs are JSON too",
    difference="answers a page of HTML, with the same statuses",
)
def test_unknown_paths_and_verbs_are_errors_in_json(rest: Rest) -> None:
    refusal(rest.send("GET", "no/such/path"), 404, "ENDPOINT_NOT_FOUND")
    wrong_verb = rest.send("DELETE", "runs/create")
    assert wrong_verb.status_code == 405
    assert wrong_verb.json()["error_code"]


@pytest.mark.covers("`/health`, `/version` and server-info")
def test_a_server_says_that_it_is_there(rest: Rest) -> None:
    assert rest.send("GET", "/health").status_code == 200
    version = rest.send("GET", "/version")
    assert version.status_code == 200
    assert version.text.strip().count(".") == 2
    info = [rest.get(f"/{prefix}/3.0/mlflow/server-info") for prefix in ("api", "ajax-api")]
    assert info[0] == info[1]


@pytest.mark.covers("foreign hosts and origins are refused")
def test_foreign_hosts_and_origins_are_refused(rest: Rest) -> None:
    assert rest.send("GET", "experiments/get?experiment_id=0", headers={"host": "evil.example"}).status_code in {
        403,
        421,
    }
    foreign = rest.send(
        "POST", "experiments/search", json={"max_results": 1}, headers={"origin": "https://evil.example"}
    )
    assert foreign.status_code == 403


@pytest.mark.covers("a body that is a string of JSON")
def test_json_within_json_is_read(rest: Rest, name: str) -> None:
    body = json.dumps(json.dumps({"name": name}))
    assert json.loads(rest.post_text("experiments/create", body).content)["experiment_id"]
