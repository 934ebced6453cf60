from __future__ import annotations

from pathlib import Path

import pytest

from milepost.client import Client, Run
from support.cli import Cli
from support.servers import RunningServer


@pytest.fixture
def cli(server: RunningServer) -> Cli:
    return Cli(server.grpc_address)


@pytest.fixture
def run(server: RunningServer) -> Run:
    return Client(server.grpc_address).runs.create()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "model"
    (made / "layers").mkdir(parents=True)
    (made / "config.json").write_text("{}")
    (made / "layers" / "0.bin").write_bytes(bytes(range(256)) * 10)
    return made


def test_a_directory_goes_up_and_comes_down_again(cli: Cli, run: Run, folder: Path, tmp_path: Path) -> None:
    printed = cli.out("artifacts", "put", run.run_id, str(folder))
    said = cli.json("artifacts", "get", run.run_id, "model", str(tmp_path / "copy"))
    assert "model/layers/0.bin" in printed
    assert said == {"path": str(tmp_path / "copy"), "directory": True}
    assert (tmp_path / "copy/layers/0.bin").read_bytes() == (folder / "layers/0.bin").read_bytes()


def test_ls_shows_a_level_or_all_files(cli: Cli, run: Run, folder: Path) -> None:
    cli.run("artifacts", "put", run.run_id, str(folder), "m")
    top = cli.json("artifacts", "ls", run.run_id)["artifacts"]
    level = cli.out("artifacts", "ls", run.run_id, "m")
    files = cli.json("artifacts", "ls", run.run_id, "-r")["artifacts"]
    assert [(one["path"], one["directory"], one["size"]) for one in top] == [("m", True, "2562")]
    assert [line.split()[-1] for line in level.splitlines()] == ["PATH", "m/config.json", "m/layers/"]
    assert [one["path"] for one in files] == ["m/config.json", "m/layers/0.bin"]


def test_a_file_is_piped_through_standard_input_and_output(cli: Cli, run: Run) -> None:
    data = bytes(range(256))
    cli.run("artifacts", "put", run.run_id, "-", "raw/data.bin", input=data)
    assert cli.run("artifacts", "get", run.run_id, "raw/data.bin", "-").stdout_bytes == data


def test_standard_input_needs_a_path(cli: Cli, run: Run) -> None:
    assert "PATH" in cli.run("artifacts", "put", run.run_id, "-", input=b"x", code=2).stderr


def test_a_missing_artifact_is_refused_and_writes_nothing(cli: Cli, run: Run, tmp_path: Path) -> None:
    line = cli.refused("artifacts", "get", run.run_id, "nope.txt", str(tmp_path / "file"))
    assert line.startswith("milepost: ARTIFACT_NOT_FOUND: ")
    assert list(tmp_path.iterdir()) == []


def test_a_missing_source_is_refused(cli: Cli, run: Run, tmp_path: Path) -> None:
    assert "LOCAL_FILE" in cli.refused("artifacts", "put", run.run_id, str(tmp_path / "nope"))


def test_a_path_that_leaves_the_run_is_refused(cli: Cli, run: Run, folder: Path) -> None:
    line = cli.refused("artifacts", "put", run.run_id, str(folder / "config.json"), "../x")
    assert line.startswith("milepost: BAD_PATH: ")


def test_rm_names_what_goes_and_asks(cli: Cli, run: Run, folder: Path) -> None:
    cli.run("artifacts", "put", run.run_id, str(folder))
    line = cli.refused("artifacts", "rm", run.run_id, "model", code=2)
    assert "model: 2 files, 2.5 KiB" in line
    assert cli.json("artifacts", "rm", run.run_id, "model", "--yes")["deletedFiles"] == 2
    assert cli.run("artifacts", "ls", run.run_id).stderr == "No artifacts.\n"


def test_rm_of_a_missing_artifact_removes_nothing(cli: Cli, run: Run, folder: Path) -> None:
    cli.run("artifacts", "put", run.run_id, str(folder))
    assert "ARTIFACT_NOT_FOUND" in cli.refused("artifacts", "rm", run.run_id, "model", "nope", "--yes")
    assert len(cli.json("artifacts", "ls", run.run_id, "-r")["artifacts"]) == 2
