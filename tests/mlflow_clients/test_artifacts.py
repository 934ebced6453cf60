"""Artifacts: files of runs through the proxy."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pytest
from matplotlib.figure import Figure
from mlflow import MlflowClient
from mlflow.artifacts import download_artifacts, list_artifacts
from PIL import Image

from mlflow_clients.rest import PROXY, Rest, refusal


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with files, some of which have awkward names."""
    root = tmp_path / "files"
    for path, content in (("a.txt", "a"), ("b/c.bin", "c" * 70_000), ("b/d e/é.txt", "ü"), ("b/d e/ß.txt", "ss")):
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(content)
    return root


def contents(root: Path) -> dict[str, bytes]:
    """Paths below a folder, and what is in the files."""
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


@pytest.mark.covers("files and folders go up, are listed, and come down the same")
def test_a_folder_goes_and_returns(client: MlflowClient, run: str, folder: Path, tmp_path: Path) -> None:
    client.log_artifacts(run, str(folder), "data")
    client.log_artifact(run, str(folder / "a.txt"))
    assert [(f.path, f.is_dir, f.file_size) for f in client.list_artifacts(run)] == [
        ("a.txt", False, 1),
        ("data", True, None),
    ]
    assert {f.path for f in client.list_artifacts(run, "data/b/d e")} == {"data/b/d e/é.txt", "data/b/d e/ß.txt"}
    down = client.download_artifacts(run, "data", str(tmp_path))
    assert contents(Path(down)) == contents(folder)
    assert Path(client.download_artifacts(run, "a.txt", str(tmp_path))).read_text() == "a"


@pytest.mark.covers("listing a file or a path that there is not is empty")
def test_what_has_no_files_lists_none(client: MlflowClient, rest: Rest, run: str) -> None:
    client.log_text(run, "a", "a.txt")
    assert not client.list_artifacts(run, "none")
    assert not client.list_artifacts(run, "a.txt")
    assert "files" not in rest.get("artifacts/list", run_id=run, path="none")


@pytest.mark.covers("`log_text`, `log_dict`, `log_figure`, `log_image` and `log_table`")
def test_values_become_files(fluent: str, client: MlflowClient) -> None:
    with mlflow.start_run() as active:
        run = active.info.run_id
        mlflow.log_text("text", "texts/t.txt")
        mlflow.log_dict({"a": [1, None]}, "d.json")
        mlflow.log_dict({"a": 1}, "d.yaml")
        figure = Figure()
        figure.subplots().plot([1, 2])
        mlflow.log_figure(figure, "f.png")
        mlflow.log_image(Image.new("RGB", (4, 4), "red"), "i.png")
        mlflow.log_image(np.zeros((4, 4, 3), dtype=np.uint8), key="steps", step=3)
        mlflow.log_table({"q": ["a"], "n": [1]}, "t.json")
        mlflow.log_table({"q": ["b"], "n": [2]}, "t.json")
        table = mlflow.load_table("t.json", run_ids=[run])
    assert mlflow.artifacts.load_text(f"runs:/{run}/texts/t.txt") == "text"
    assert mlflow.artifacts.load_dict(f"runs:/{run}/d.json") == {"a": [1, None]}
    assert mlflow.artifacts.load_image(f"runs:/{run}/i.png").size == (4, 4)
    assert table[["q", "n"]].to_dict("list") == {"q": ["a", "b"], "n": [1, 2]}
    assert {f.path for f in client.list_artifacts(run)} == {
        "texts", "d.json", "d.yaml", "f.png", "i.png", "images", "t.json",
    }  # fmt: skip
    assert len(client.list_artifacts(run, "images")) == 2
    assert json.loads(client.get_run(run).data.tags["mlflow.loggedArtifacts"])
    assert fluent


@pytest.mark.covers("`mlflow.artifacts` by run, by `runs:/` and by `mlflow-artifacts:/`")
def test_artifacts_are_found_by_their_addresses(client: MlflowClient, run: str, tmp_path: Path) -> None:
    client.log_text(run, "hello", "a/b.txt")
    uri = client.get_run(run).info.artifact_uri
    for address in (f"runs:/{run}/a/b.txt", f"{uri}/a/b.txt"):
        assert Path(download_artifacts(address, dst_path=str(tmp_path))).read_text() == "hello"
    assert [f.path for f in list_artifacts(run_id=run, artifact_path="a")] == ["a/b.txt"]
    assert [f.path for f in list_artifacts(f"{uri}/a")] == ["a/b.txt"]


@pytest.mark.covers(
    "names with `%`, which lead to two files where paths are decoded twice, are refused",
    difference="takes some of them",
)
def test_names_with_escapes_are_refused(client: MlflowClient, run: str) -> None:
    with pytest.raises(Exception, match="INVALID_PARAMETER_VALUE"):
        client.log_text(run, "a", "100%.txt")


@pytest.mark.covers("a file is replaced by one of the same name")
def test_a_file_is_replaced(client: MlflowClient, run: str) -> None:
    for text in ("first", "second"):
        client.log_text(run, text, "a.txt")
    assert mlflow.artifacts.load_text(f"runs:/{run}/a.txt") == "second"


@pytest.mark.covers("a file of 64 MiB")
def test_a_large_file_goes_and_returns(client: MlflowClient, run: str, tmp_path: Path) -> None:
    large = tmp_path / "large.bin"
    large.write_bytes(np.random.default_rng(1).bytes(64 << 20))
    client.log_artifact(run, str(large))
    (tmp_path / "down").mkdir()
    down = client.download_artifacts(run, "large.bin", str(tmp_path / "down"))
    assert Path(down).read_bytes() == large.read_bytes()


@pytest.mark.covers("an empty file")
def test_an_empty_file_is_a_file(client: MlflowClient, run: str, tmp_path: Path) -> None:
    client.log_text(run, "", "empty")
    [file] = client.list_artifacts(run)
    assert (file.path, file.file_size or 0) == ("empty", 0)
    assert Path(client.download_artifacts(run, "empty", str(tmp_path))).read_bytes() == b""


@pytest.mark.covers("writers of one run at once")
def test_files_go_up_side_by_side(client: MlflowClient, run: str) -> None:
    threads = [threading.Thread(target=client.log_text, args=(run, str(i), f"f/{i}.txt")) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(client.list_artifacts(run, "f")) == 8


@pytest.mark.covers("files and trees are deleted; what is missing is deleted too")
def test_files_are_deleted(rest: Rest, client: MlflowClient, run: str) -> None:
    client.log_text(run, "a", "d/a.txt")
    client.log_text(run, "b", "d/e/b.txt")
    client.log_text(run, "c", "c.txt")
    root = f"{PROXY}/{client.get_run(run).info.artifact_uri.removeprefix('mlflow-artifacts:/')}"
    for path in ("d", "none.txt"):
        assert rest.send("DELETE", f"{root}/{path}").status_code == 200
    assert [file.path for file in client.list_artifacts(run)] == ["c.txt"]


@pytest.mark.covers("`/get-artifact`: an attachment, ranges, entity tags")
def test_a_file_is_an_attachment(rest: Rest, client: MlflowClient, run: str) -> None:
    client.log_text(run, "0123456789", "d/a.html")
    query = {"run_id": run, "path": "d/a.html"}
    whole = rest.send("GET", "/get-artifact", params=query)
    assert whole.content == b"0123456789"
    assert "attachment" in whole.headers["content-disposition"]
    assert whole.headers["x-content-type-options"] == "nosniff"
    assert whole.headers["etag"]
    part = rest.send("GET", "/get-artifact", params=query, headers={"range": "bytes=2-4"})
    assert (part.status_code, part.content) == (206, b"234")
    assert rest.send("GET", "/get-artifact", params={"run_uuid": run, "path": "d/a.html"}).content == whole.content


@pytest.mark.covers("`/get-artifact` of a folder or of a missing file is an error")
def test_a_folder_is_no_attachment(rest: Rest, client: MlflowClient, run: str) -> None:
    client.log_text(run, "a", "d/a.txt")
    assert rest.send("GET", "/get-artifact", params={"run_id": run, "path": "d"}).status_code in {400, 404}
    refusal(rest.send("GET", "/get-artifact", params={"run_id": run, "path": "none"}), 404, "RESOURCE_DOES_NOT_EXIST")


@pytest.mark.covers("the web page's upload: `/ajax-api/2.0/mlflow/upload-artifact`, at most 10 MB")
def test_a_web_page_uploads(rest: Rest, client: MlflowClient, run: str) -> None:
    path, query = "/ajax-api/2.0/mlflow/upload-artifact", {"run_uuid": run, "path": "a/b.txt"}
    options: dict[str, Any] = {"params": query, "headers": {"content-type": "application/json"}}
    assert rest.send("POST", path, content=b"hello", **options).status_code == 200
    assert mlflow.artifacts.load_text(f"runs:/{run}/a/b.txt") == "hello"
    assert rest.send("POST", path, content=b"x" * ((10 << 20) + 1), **options).status_code in {400, 413}


@pytest.mark.covers("paths that lead elsewhere are refused in every call")
@pytest.mark.parametrize("path", ["../x", "a/../../x", "%2e%2e/x", "/etc/passwd", "file:///etc/passwd"])
def test_paths_that_lead_elsewhere_are_refused(rest: Rest, run: str, path: str) -> None:
    for call in ("/get-artifact", "/api/2.0/mlflow/artifacts/list"):
        assert rest.send("GET", call, params={"run_id": run, "path": path}).status_code == 400


@pytest.mark.covers(
    "paths that lead elsewhere are refused by the proxy, however they are written",
    difference="answers some with a 500",
)
@pytest.mark.parametrize("path", ["%2e%2e/x", "..%2fx", "%252e%252e/x", "%2Fetc/passwd", "a%5C..%5Cb", "a//b", "a%00b"])
def test_the_proxy_refuses_paths_that_lead_elsewhere(rest: Rest, path: str) -> None:
    for verb in ("GET", "PUT", "DELETE"):
        answer = rest.send(verb, f"{PROXY}/0/{path}", content=b"x" if verb == "PUT" else None)
        assert answer.status_code in {400, 404}, (verb, answer.text)


@pytest.mark.covers("multipart and presigned transfers are offered as server-info says")
def test_transfers_are_offered_as_said(rest: Rest, run: str) -> None:
    info: dict[str, Any] = rest.get("/api/3.0/mlflow/server-info")
    path = "/api/2.0/mlflow-artifacts/mpu/create/0/x/artifacts/a.bin"
    answer = rest.send("POST", path, json={"path": "0/x/artifacts/a.bin", "num_parts": 2})
    if not info["multipart_uploads_enabled"]:
        refusal(answer, 501, "NOT_IMPLEMENTED")
    presigned = rest.send("GET", f"/api/2.0/mlflow-artifacts/presigned/0/{run}/artifacts/a.bin")
    if not info["multipart_downloads_enabled"]:
        refusal(presigned, 501, "NOT_IMPLEMENTED")
