"""Files of runs: up, down, lists, deletes, resumes."""

from __future__ import annotations

import asyncio

import pytest

from milepost import v1 as pb
from support.api import Api
from support.errors import ApiError, refused
from support.grpc_api import GrpcApi
from support.servers import RunningServer
from support.values import MIB, SOME_BYTES, sha256, unique


@pytest.mark.parametrize("size", [0, 1, MIB - 1, MIB, MIB + 1, len(SOME_BYTES)])
async def test_uploaded_bytes_come_back(api: Api, run: pb.Run, size: int) -> None:
    content = SOME_BYTES[:size]
    artifact = await api.upload_artifact(run.run_id, "dir/model.bin", content)
    assert (artifact.path, artifact.directory, artifact.size) == ("dir/model.bin", False, size)
    assert artifact.sha256 == sha256(content)
    assert artifact.update_time.ToMicroseconds() >= run.create_time.ToMicroseconds()
    download = await api.download_artifact(run.run_id, "dir/model.bin")
    assert download.content == content
    assert (download.size, download.sha256, download.filename) == (size, sha256(content), "model.bin")


async def test_content_type_is_kept(api: Api, run: pb.Run) -> None:
    artifact = await api.upload_artifact(run.run_id, "a.parquet", content_type="application/vnd.apache.parquet")
    assert artifact.content_type == "application/vnd.apache.parquet"
    assert (await api.download_artifact(run.run_id, "a.parquet")).content_type == "application/vnd.apache.parquet"
    (listed,) = (await api.list_artifacts(run.run_id)).artifacts
    assert listed == artifact


async def test_right_size_and_digest_are_accepted(api: Api, run: pb.Run) -> None:
    for number, digest in enumerate((sha256(SOME_BYTES), sha256(SOME_BYTES).upper())):
        artifact = await api.upload_artifact(run.run_id, f"{number}", SOME_BYTES, size=len(SOME_BYTES), sha256=digest)
        assert artifact.sha256 == sha256(SOME_BYTES)


async def test_wrong_digest_stores_nothing(api: Api, run: pb.Run) -> None:
    with refused("INVALID_ARGUMENT", "CHECKSUM_MISMATCH") as refusal:
        await api.upload_artifact(run.run_id, "a.bin", SOME_BYTES, sha256=sha256(b"other"))
    assert sha256(SOME_BYTES) in refusal.error.metadata.values()
    assert await api.artifact_paths(run.run_id) == []
    with refused("NOT_FOUND", "ARTIFACT_NOT_FOUND"):
        await api.download_artifact(run.run_id, "a.bin")


async def test_wrong_digest_leaves_the_old_file(api: Api, run: pb.Run) -> None:
    await api.upload_artifact(run.run_id, "a.bin", b"old")
    with refused("INVALID_ARGUMENT", "CHECKSUM_MISMATCH"):
        await api.upload_artifact(run.run_id, "a.bin", b"new", sha256=sha256(b"other"))
    assert (await api.download_artifact(run.run_id, "a.bin")).content == b"old"


async def test_malformed_digest_is_refused(api: Api, run: pb.Run) -> None:
    with refused("INVALID_ARGUMENT", "INVALID_FIELD") as refusal:
        await api.upload_artifact(run.run_id, "a.bin", b"new", sha256="abc")
    assert refusal.error.fields == ["sha256"]


async def test_upload_that_ends_early_stores_nothing(api: Api, run: pb.Run) -> None:
    with refused("INVALID_ARGUMENT", "TRUNCATED_UPLOAD"):
        await api.upload_artifact(run.run_id, "a.bin", SOME_BYTES, size=len(SOME_BYTES) + 1)
    assert await api.artifact_paths(run.run_id) == []


async def test_upload_longer_than_its_size_is_refused(api: Api, run: pb.Run) -> None:
    with refused("INVALID_ARGUMENT", "INVALID_FIELD", "TRUNCATED_UPLOAD") as refusal:
        await api.upload_artifact(run.run_id, "a.bin", SOME_BYTES, size=len(SOME_BYTES) - 1)
    assert "size" in refusal.error.message
    assert await api.artifact_paths(run.run_id) == []


async def test_upload_replaces_what_was_there(api: Api, run: pb.Run) -> None:
    await api.upload_artifact(run.run_id, "a.txt", b"first version", "text/plain")
    second = await api.upload_artifact(run.run_id, "a.txt", b"second", "text/markdown")
    download = await api.download_artifact(run.run_id, "a.txt")
    assert (download.content, download.content_type) == (b"second", "text/markdown")
    assert list((await api.list_artifacts(run.run_id)).artifacts) == [second]


async def test_same_path_in_another_run_is_another_file(api: Api, run: pb.Run) -> None:
    other = await api.create_run(run.experiment_id)
    await api.upload_artifact(run.run_id, "a.txt", b"one")
    await api.upload_artifact(other.run_id, "a.txt", b"two")
    assert (await api.download_artifact(run.run_id, "a.txt")).content == b"one"


PATHS = [
    "a",
    "a b",
    "ä/文字/🚀.txt",
    "x/" * 63 + "y",
    "n" * 255,
    "a.b.c",
    ".hidden",
    "...",
    "ab:c",
    "q?r#s&t=u+v",
    "~",
    "'\"`;$",
    "CON",
]


@pytest.mark.parametrize("path", PATHS)
async def test_unusual_paths_are_kept(api: Api, run: pb.Run, path: str) -> None:
    assert (await api.upload_artifact(run.run_id, path, b"x")).path == path
    download = await api.download_artifact(run.run_id, path)
    assert (download.content, download.filename) == (b"x", path.rsplit("/", 1)[-1])
    assert await api.artifact_paths(run.run_id, recursive=True) == [path]
    assert await api.delete_artifacts(run.run_id, path) == 1


BAD_PATHS = [
    "../a", "a/../b", "..", ".", "a/./b", "a//b", "a/", "a\\b", "..\\a", "a%2e", "%2e%2e/a", "a%b", "%252e%252e",
    "a\nb", "a\x7f", ".milepost-x", "a/.milepost-x/b", "n" * 256, "é" * 128, "x/" * 64 + "y",
    ("a" * 200 + "/") * 6 + "b",
]  # fmt: skip


@pytest.mark.parametrize("path", BAD_PATHS, ids=ascii)
async def test_bad_path_is_refused_by_every_verb(api: Api, run: pb.Run, backend: RunningServer, path: str) -> None:
    before = set(backend.data_dir.rglob("*"))
    with refused("INVALID_ARGUMENT", "BAD_PATH") as refusal:
        await api.upload_artifact(run.run_id, path)
    assert refusal.error.fields == ["path"]
    with refused("INVALID_ARGUMENT", "BAD_PATH"):
        await api.download_artifact(run.run_id, path)
    with refused("INVALID_ARGUMENT", "BAD_PATH"):
        await api.list_artifacts(run.run_id, path)
    with refused("INVALID_ARGUMENT", "BAD_PATH"):
        await api.delete_artifacts(run.run_id, path)
    created = set(backend.data_dir.rglob("*")) - before
    assert not [file for file in created if file.is_file() and "milepost.db" not in file.name]


async def test_path_is_kept_in_normal_form_c_and_found_in_any(api: Api, run: pb.Run) -> None:
    composed, decomposed = "dir/\u00e4.txt", "dir/a\u0308.txt"
    assert (await api.upload_artifact(run.run_id, decomposed, b"x")).path == composed
    assert (await api.download_artifact(run.run_id, decomposed)).content == b"x"
    assert (await api.download_artifact(run.run_id, composed)).content == b"x"
    assert await api.artifact_paths(run.run_id, recursive=True) == [composed]


async def test_path_with_a_null_character_is_refused(api: Api, run: pb.Run) -> None:
    with refused("INVALID_ARGUMENT", "BAD_PATH", "INVALID_FIELD") as refusal:
        await api.upload_artifact(run.run_id, "a\x00b")
    assert refusal.error.fields == ["path"]


@pytest.mark.parametrize("path", ["/etc/passwd", "//a"])
async def test_absolute_path_is_refused(api: Api, run: pb.Run, path: str) -> None:
    with refused("INVALID_ARGUMENT", "BAD_PATH"):
        await api.upload_artifact(run.run_id, path)
    with refused("INVALID_ARGUMENT", "BAD_PATH"):
        await api.list_artifacts(run.run_id, path)


async def test_absent_path_is_refused(api: Api, run: pb.Run) -> None:
    with refused("INVALID_ARGUMENT", "BAD_PATH", "REQUIRED_FIELD"):
        await api.upload_artifact(run.run_id, "")
    with refused("INVALID_ARGUMENT", "BAD_PATH", "REQUIRED_FIELD"):
        await api.delete_artifacts(run.run_id, "")


@pytest.mark.parametrize("target", ["../../milepost.db", "/etc/passwd"])
async def test_link_that_leaves_the_root_is_not_followed(
    api: Api, run: pb.Run, backend: RunningServer, target: str
) -> None:
    await api.upload_artifact(run.run_id, "dir/a.txt")
    (stored,) = [path for path in (backend.data_dir / "artifacts").rglob("dir") if run.run_id in str(path)]
    link = stored.parent / "link"
    link.symlink_to(target)
    (stored.parent / "linkdir").symlink_to("/etc", target_is_directory=True)
    for path in ("link", "linkdir/passwd"):
        with refused("NOT_FOUND", "ARTIFACT_NOT_FOUND"):
            await api.download_artifact(run.run_id, path)
    assert await api.artifact_paths(run.run_id, recursive=True) == ["dir/a.txt"]
    with refused("INVALID_ARGUMENT", "BAD_PATH"):
        await api.upload_artifact(run.run_id, "linkdir/milepost-test")


async def test_one_level_shows_files_and_directories_with_sizes(api: Api, run: pb.Run) -> None:
    files = {"a.txt": b"1", "dir/b.txt": b"22", "dir/sub/c.txt": b"333", "dir-2/d.txt": b"4444", "z": b""}
    for path, content in files.items():
        await api.upload_artifact(run.run_id, path, content, "text/plain")
    listed = (await api.list_artifacts(run.run_id)).artifacts
    assert [(one.path, one.directory, one.size) for one in listed] == [
        ("a.txt", False, 1),
        ("dir", True, 5),
        ("dir-2", True, 4),
        ("z", False, 0),
    ]
    directory = listed[1]
    assert (directory.sha256, directory.content_type) == ("", "")
    latest = (await api.list_artifacts(run.run_id, "dir/sub")).artifacts[0].update_time
    assert directory.update_time == latest
    inside = (await api.list_artifacts(run.run_id, "dir")).artifacts
    assert [(one.path, one.directory, one.size) for one in inside] == [("dir/b.txt", False, 2), ("dir/sub", True, 3)]


async def test_recursive_list_shows_all_files_by_path(api: Api, run: pb.Run) -> None:
    paths = ["b", "a/z", "a/b/c", "a-b", "a.b", "B", "é"]
    for path in paths:
        await api.upload_artifact(run.run_id, path)
    assert await api.artifact_paths(run.run_id, recursive=True) == sorted(paths)
    assert await api.artifact_paths(run.run_id, "a", recursive=True) == ["a/b/c", "a/z"]
    assert await api.artifact_paths(run.run_id) == sorted(["b", "a", "a-b", "a.b", "B", "é"])


async def test_listing_a_file_returns_it(api: Api, run: pb.Run) -> None:
    artifact = await api.upload_artifact(run.run_id, "dir/a.txt")
    for recursive in (False, True):
        assert list((await api.list_artifacts(run.run_id, "dir/a.txt", recursive=recursive)).artifacts) == [artifact]


async def test_missing_directory_is_empty(api: Api, run: pb.Run) -> None:
    await api.upload_artifact(run.run_id, "dir/a.txt")
    assert await api.artifact_paths(run.run_id, "di") == []
    assert await api.artifact_paths(run.run_id, "dir/nope", recursive=True) == []


@pytest.mark.parametrize("recursive", [False, True])
async def test_artifact_pages_join_to_the_whole_list(api: Api, run: pb.Run, recursive: bool) -> None:
    for path in ("a", "b/1", "b/2", "c", "d/1/2", "e", "f/g"):
        await api.upload_artifact(run.run_id, path)
    whole = await api.artifact_paths(run.run_id, recursive=recursive)
    for page_size in (1, 3, len(whole)):
        seen: list[str] = []
        token = ""
        while True:
            page = await api.list_artifacts(run.run_id, recursive=recursive, page_size=page_size, page_token=token)
            seen += [one.path for one in page.artifacts]
            if not (token := page.next_page_token):
                break
        assert seen == whole


async def test_artifact_token_of_another_query_is_refused(api: Api, run: pb.Run) -> None:
    for path in ("a", "b/1", "c"):
        await api.upload_artifact(run.run_id, path)
    token = (await api.list_artifacts(run.run_id, page_size=1)).next_page_token
    with refused("INVALID_ARGUMENT", "BAD_PAGE_TOKEN"):
        await api.list_artifacts(run.run_id, recursive=True, page_token=token)
    with refused("INVALID_ARGUMENT", "BAD_PAGE_TOKEN"):
        await api.list_artifacts(run.run_id, page_token="garbage")


RANGES = [
    (0, 1),
    (1, 0),
    (5, 3),
    (0, len(SOME_BYTES)),
    (len(SOME_BYTES) - 1, 1),
    (MIB - 1, MIB + 2),
    (10, 2**62),
    (len(SOME_BYTES) - 1, 0),
]


@pytest.mark.parametrize(("offset", "length"), RANGES)
async def test_range_is_downloaded(api: Api, run: pb.Run, offset: int, length: int) -> None:
    await api.upload_artifact(run.run_id, "a.bin", SOME_BYTES)
    download = await api.download_artifact(run.run_id, "a.bin", offset, length)
    assert download.content == SOME_BYTES[offset : offset + length if length else None]
    assert (download.size, download.sha256) == (len(SOME_BYTES), sha256(SOME_BYTES))


async def test_range_past_the_end_is_refused(api: Api, run: pb.Run) -> None:
    await api.upload_artifact(run.run_id, "a.bin", b"12345")
    with refused("OUT_OF_RANGE", "BAD_RANGE"):
        await api.download_artifact(run.run_id, "a.bin", 6, 1)


async def test_range_that_begins_at_the_end_is_empty(grpc_api: GrpcApi) -> None:
    run = await grpc_api.create_run()
    await grpc_api.upload_artifact(run.run_id, "a.bin", b"12345")
    assert (await grpc_api.download_artifact(run.run_id, "a.bin", 5)).content == b""


async def test_missing_artifact_is_named(api: Api, run: pb.Run) -> None:
    await api.upload_artifact(run.run_id, "dir/a.txt")
    for path in ("nope.txt", "dir", "dir/a.txt/b"):
        with refused("NOT_FOUND", "ARTIFACT_NOT_FOUND") as refusal:
            await api.download_artifact(run.run_id, path)
        assert path in refusal.error.metadata.values()
    with refused("NOT_FOUND", "ARTIFACT_NOT_FOUND"):
        await api.delete_artifacts(run.run_id, "nope.txt")


async def test_missing_run_is_named_by_every_verb(api: Api) -> None:
    with refused("NOT_FOUND", "RUN_NOT_FOUND"):
        await api.upload_artifact("missing-run", "a")
    with refused("NOT_FOUND", "RUN_NOT_FOUND"):
        await api.download_artifact("missing-run", "a")
    with refused("NOT_FOUND", "RUN_NOT_FOUND"):
        await api.list_artifacts("missing-run")
    with refused("NOT_FOUND", "RUN_NOT_FOUND"):
        await api.delete_artifacts("missing-run", "a")
    with refused("NOT_FOUND", "RUN_NOT_FOUND", "UPLOAD_NOT_FOUND"):
        await api.get_artifact_upload("missing-run", "upload-1")


async def test_deleted_file_is_gone(api: Api, run: pb.Run, backend: RunningServer) -> None:
    content = unique("bytes").encode()
    await api.upload_artifact(run.run_id, "dir/a.txt", content)
    await api.upload_artifact(run.run_id, "dir/b.txt")
    assert await api.delete_artifacts(run.run_id, "dir/a.txt") == 1
    assert await api.artifact_paths(run.run_id, recursive=True) == ["dir/b.txt"]
    files = [path for path in (backend.data_dir / "artifacts").rglob("*") if path.is_file()]
    assert not [path for path in files if path.read_bytes() == content]


async def test_deleted_directory_takes_all_below_it(api: Api, run: pb.Run) -> None:
    for path in ("dir/a", "dir/sub/b", "dir2/c", "di"):
        await api.upload_artifact(run.run_id, path)
    assert await api.delete_artifacts(run.run_id, "dir") == 2
    assert await api.artifact_paths(run.run_id, recursive=True) == ["di", "dir2/c"]


async def test_path_is_free_after_a_delete_also_for_a_directory(api: Api, run: pb.Run) -> None:
    await api.upload_artifact(run.run_id, "x", b"file")
    await api.delete_artifacts(run.run_id, "x")
    await api.upload_artifact(run.run_id, "x/y", b"below")
    await api.delete_artifacts(run.run_id, "x")
    await api.upload_artifact(run.run_id, "x", b"file again")
    assert (await api.download_artifact(run.run_id, "x")).content == b"file again"


@pytest.mark.parametrize(("first", "second"), [("a", "a/b"), ("a/b", "a"), ("a/b", "a/b/c/d")])
async def test_file_in_the_way_of_a_directory_conflicts(api: Api, run: pb.Run, first: str, second: str) -> None:
    await api.upload_artifact(run.run_id, first)
    with refused("ALREADY_EXISTS", "ARTIFACT_CONFLICT"):
        await api.upload_artifact(run.run_id, second)
    assert await api.artifact_paths(run.run_id, recursive=True) == [first]


async def test_16_concurrent_uploads_to_one_path_leave_one_whole_file(api: Api, run: pb.Run) -> None:
    contents = [bytes([n]) * 100_000 for n in range(16)]
    uploads = (api.upload_artifact(run.run_id, "same.bin", content) for content in contents)
    outcomes = await asyncio.gather(*uploads, return_exceptions=True)
    assert {error.reason for error in outcomes if isinstance(error, ApiError)} <= {"CONFLICT"}
    assert not [error for error in outcomes if isinstance(error, BaseException) and not isinstance(error, ApiError)]
    download = await api.download_artifact(run.run_id, "same.bin")
    assert download.content in contents
    assert download.sha256 == sha256(download.content)


async def test_16_concurrent_uploads_to_16_paths_are_all_stored(api: Api, run: pb.Run) -> None:
    await asyncio.gather(*(api.upload_artifact(run.run_id, f"d/{n}", bytes([n])) for n in range(16)))
    assert len(await api.artifact_paths(run.run_id, "d")) == 16
