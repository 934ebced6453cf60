from __future__ import annotations

import json
import math
import secrets
from pathlib import Path
from typing import Any

from milepost.client import Client
from support.cli import Cli
from support.mlflow_stores import START_MS, MlflowFolder


def imported(cli: Cli, source: object, *options: str, code: int = 0) -> dict[str, Any]:
    """The report of an import."""
    report: dict[str, Any] = json.loads(cli.run("import", "mlflow", str(source), "--json", *options, code=code).stdout)
    return report


def test_a_folder_arrives_with_exact_infinities_and_nested_keys(cli: Cli, client: Client, folder: MlflowFolder) -> None:
    experiment = folder.experiment()
    run = folder.run(experiment)
    place = f"{experiment}/{run}"
    folder.write(
        f"{place}/metrics/train/loss", f"{START_MS} inf 0\n{START_MS} -inf 1\n{START_MS} nan 2\n{START_MS} 0.1 3\n"
    )
    folder.write(f"{place}/params/model/depth", "3")
    folder.write(f"{place}/tags/mlflow.note.content", "two\nlines")
    folder.write(f"{place}/artifacts/sub/a.txt", "hello")
    folder.write(
        f"{place}/inputs/1/meta.yaml", "source_type: DATASET\nsource_id: d1\ntags: {mlflow.data.context: eval}\n"
    )
    folder.write(f"{experiment}/datasets/d1/meta.yaml", "name: rows\ndigest: abc\nsource_type: local\nsource: '{}'\n")

    report = imported(cli, folder.root, "--verify", "full")

    values = client.metrics.history(run, "train/loss").values.tolist()
    found = client.runs.get(run)
    assert report["differing"] == 0
    assert values[:2] == [math.inf, -math.inf]
    assert math.isnan(values[2])
    assert (found.params, found.description) == ({"model/depth": "3"}, "two\nlines")
    assert [(use.dataset.name, use.context) for use in found.inputs] == [("rows", "eval")]
    assert client.artifacts.read(run, "sub/a.txt") == b"hello"


def test_a_moved_folder_brings_its_own_artifacts(
    cli: Cli, client: Client, folder: MlflowFolder, tmp_path: Path
) -> None:
    experiment = folder.experiment()
    run = folder.run(experiment)
    folder.write(f"{experiment}/{run}/artifacts/a.txt", "hello")
    moved = folder.root.rename(tmp_path / "elsewhere")
    imported(cli, moved)
    assert client.artifacts.read(run, "a.txt") == b"hello"


def test_the_registry_of_a_folder_arrives(cli: Cli, client: Client, folder: MlflowFolder) -> None:
    name = f"fraud-{secrets.token_hex(4)}"
    experiment = folder.experiment()
    run = folder.run(experiment)
    folder.write(f"{experiment}/{run}/artifacts/net/MLmodel", "flavors: {}")
    folder.write(f"models/{name}/meta.yaml", f"name: {name}\ncreation_timestamp: {START_MS}\ndescription: cards\n")
    folder.write(f"models/{name}/aliases/champion", "2")
    version = (
        f"version: 2\ncreation_timestamp: {START_MS}\ncurrent_stage: Staging\nrun_id: {run}\nsource: runs:/{run}/net\n"
    )
    folder.write(f"models/{name}/version-2/meta.yaml", version)
    assert imported(cli, folder.root)["differing"] == 0
    found = client.model_versions.get_by_alias(name, "champion")
    assert (found.version, found.proto.run_id, found.proto.path) == (2, run, "net")


def test_nothing_of_a_hostile_folder_leaves_it(cli: Cli, client: Client, folder: MlflowFolder, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.mkdir()
    (secret / "key").write_text("secret")
    experiment = folder.experiment()
    run = folder.run(experiment, artifact_uri=f"file://{secret}")
    place = folder.root / experiment / run
    (place / "artifacts").rmdir()
    linked = folder.run(experiment)
    (folder.root / experiment / linked / "artifacts/key").symlink_to(secret / "key")
    (folder.root / experiment / linked / "artifacts/folder").symlink_to(secret)
    folder.write(f"{experiment}/{run}/tags/fine", "yes")
    (place / "tags/key").symlink_to(secret / "key")
    (place / "params").symlink_to(secret)
    (folder.root / "999").symlink_to(secret)
    folder.write(f"{experiment}/{run}/inputs/1/meta.yaml", "source_type: DATASET\nsource_id: ../../../secret\n")

    report = imported(cli, folder.root, code=1)

    assert client.runs.get(run).tags == {"fine": "yes", "milepost.artifact_uri": f"file://{secret}"}
    assert client.runs.get(run).params == {}
    assert list(client.artifacts.list(run, recursive=True)) == []
    assert list(client.artifacts.list(linked, recursive=True)) == []
    assert report["differing"] == 0
    assert report["problems"] >= 5


def test_broken_files_are_named_and_the_rest_is_imported(cli: Cli, client: Client, folder: MlflowFolder) -> None:
    experiment = folder.experiment()
    good, bad, code, deep = (folder.run(experiment) for _ in range(4))
    folder.write(
        f"{experiment}/{good}/metrics/loss", f"{START_MS} 0.5 1\nnonsense\n{START_MS} 0.25 99999999999999999999\n"
    )
    folder.write(f"{experiment}/{good}/tags/binary", b"\xff\xfe")
    folder.write(f"{experiment}/{good}/tags/huge", "x" * (1024 * 1024 + 1))
    folder.write(f"{experiment}/{bad}/meta.yaml", "a: [1\n")
    folder.write(f"{experiment}/{deep}/meta.yaml", "a: " + "[" * 200_000)
    folder.write(f"{experiment}/{code}/meta.yaml", "!!python/object/apply:os.system ['true']\n")

    report = imported(cli, folder.root, code=1)

    assert client.runs.get(good).metrics == {"loss": 0.5}
    assert client.runs.get(good).tags == {}
    assert client.runs.count([experiment]) == 1
    said = " ".join(one["what"] for one in report["listedProblems"])
    assert all(name in said for name in ("metrics/loss", "tags/binary", "tags/huge", bad, code, deep))


def test_a_bomb_of_yaml_is_small(cli: Cli, client: Client, folder: MlflowFolder) -> None:
    levels = ["a0: &a0 [x, x, x, x, x, x, x, x]"]
    levels += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 8)}]" for n in range(1, 30)]
    experiment = folder.experiment(description="|\n  " + "text")
    run = folder.run(experiment)
    folder.write(f"{experiment}/{run}/meta.yaml", "\n".join([*levels, "run_name: *a29", "status: 3"]))
    imported(cli, folder.root, code=0)
    assert client.runs.get(run).name == ""
