"""Answers that are given again: never past a commit, whoever made it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

import pytest

import milepost
from milepost import v1 as pb
from support.servers import RunningServer


@pytest.fixture(scope="module")
def client(server: RunningServer) -> Iterator[milepost.Client]:
    with milepost.Client(server.grpc_address) as client:
        yield client


def test_read_after_a_write_sees_it(client: milepost.Client) -> None:
    run = client.runs.create(name="first")
    for number in range(20):
        client.runs.update(run.run_id, name=f"name {number}")
        assert client.runs.get(run.run_id).name == f"name {number}"
        assert client.runs.get(run.run_id).name == f"name {number}"


def test_read_after_a_commit_of_another_process_sees_it(client: milepost.Client, server: RunningServer) -> None:
    run = client.runs.create(name="before")
    assert client.runs.get(run.run_id).name == "before"
    with sqlite3.connect(server.data_dir / "milepost.db") as other:
        other.execute("UPDATE run SET name = 'after' WHERE run_id = ?", (run.run_id,))
    other.close()
    assert client.runs.get(run.run_id).name == "after"


def test_same_answer_goes_to_requests_that_are_the_same_only(client: milepost.Client) -> None:
    one, two = client.runs.create(name="one"), client.runs.create(name="two")
    names = [client.runs.get(run.run_id).name for run in (one, two, one, two)]
    assert names == ["one", "two", "one", "two"]
    listed = [item.run_id for item in client.runs.list(filter="name = 'one'", limit=1)]
    assert listed != [item.run_id for item in client.runs.list(filter="name = 'two'", limit=1)]
    assert client.server_info().database == pb.ServerInfo(database="sqlite").database
