"""Which bytes a transfer sends, where it goes on, and what it refuses."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path

import pytest
from google.api.httpbody_pb2 import HttpBody

from milepost import v1 as pb
from milepost._channel import MAX_ATTEMPTS
from milepost.artifacts import _transfer
from milepost.artifacts._transfer import CHUNK_BYTES, RESUMABLE_BYTES, Attempts, Deadline, Download, Upload
from milepost.errors import BadPath, DataLossError, EtagMismatch, UnavailableError


def sent(data: bytes, offset: int = 0, size: int | None = None) -> list[pb.UploadArtifactRequest]:
    upload = Upload("r", "p.bin", len(data) if size is None else size, "", lambda: io.BytesIO(data), "")
    messages = _transfer.UploadMessages(upload, offset)
    with upload.open() as source:
        found = []
        while not messages.complete:
            message = messages.read(source)
            if message is not None:
                found.append(message)
    return found


@pytest.mark.parametrize("size", [0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 3 * CHUNK_BYTES])
def test_all_bytes_are_sent_with_the_head_first_and_the_digest_last(size: int) -> None:
    data = bytes(size)
    messages = sent(data)
    assert b"".join(message.body.data for message in messages) == data
    assert (messages[0].run_id, messages[0].path, messages[0].size, messages[0].offset) == ("r", "p.bin", size, 0)
    assert messages[-1].sha256 == hashlib.sha256(data).hexdigest()
    assert all(message.sha256 == "" and message.run_id == "" for message in messages[1:-1])


@pytest.mark.parametrize("offset", [1, CHUNK_BYTES, CHUNK_BYTES + 7, 2 * CHUNK_BYTES + 5])
def test_a_resumed_upload_sends_the_rest_and_the_digest_of_the_whole(offset: int) -> None:
    data = bytes(range(256)) * (CHUNK_BYTES // 128) + b"tail!"
    messages = sent(data, offset)
    assert b"".join(message.body.data for message in messages) == data[offset:]
    assert messages[0].offset == offset
    assert messages[-1].sha256 == hashlib.sha256(data).hexdigest()


def test_a_file_that_became_shorter_ends_early_with_the_declared_size() -> None:
    messages = sent(b"abc", size=10)
    assert b"".join(message.body.data for message in messages) == b"abc"
    assert messages[0].size == 10


def test_only_large_uploads_can_be_resumed() -> None:
    assert Upload.of_bytes("r", b"small", "p", None).upload_id == ""
    assert len(Upload.of_bytes("r", bytes(RESUMABLE_BYTES), "p", None).upload_id) == 32


def test_the_media_type_follows_from_the_suffix_unless_given() -> None:
    assert Upload.of_bytes("r", b"", "a/x.json", None).content_type == "application/json"
    assert Upload.of_bytes("r", b"", "a/x.json", "text/x").content_type == "text/x"
    assert Upload.of_bytes("r", b"", "a/x.unknown-suffix", None).content_type == ""


def test_a_directory_is_its_files_in_order(tmp_path: Path) -> None:
    for name in ("b.txt", "a/c.txt", "a/b/d.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    files = _transfer.files_below(tmp_path, "model")
    assert [file.path for file in files] == ["model/a/b/d.txt", "model/a/c.txt", "model/b.txt"]


def test_a_file_without_a_path_keeps_its_name(tmp_path: Path) -> None:
    (tmp_path / "x.bin").write_bytes(b"123")
    assert [(file.path, file.size) for file in _transfer.files_below(tmp_path / "x.bin", None)] == [("x.bin", 3)]


def test_names_are_sent_in_normal_form_c() -> None:
    assert _transfer.artifact_path("e\u0301/") == "é"


@pytest.mark.parametrize("path", ["../x", "a/../../x", "/etc/passwd", "a//b", "a\\b", "", "."])
def test_a_path_that_would_leave_the_directory_is_refused(tmp_path: Path, path: str) -> None:
    with pytest.raises(ValueError, match="artifact path"):
        _transfer.below(tmp_path, path)


def test_a_broken_write_leaves_the_old_file_and_no_other(tmp_path: Path) -> None:
    target = tmp_path / "x"
    target.write_bytes(b"old")

    def write_and_break() -> None:
        with _transfer.replacing(target) as file:
            file.write(b"ne")
            raise OSError("broken")

    with pytest.raises(OSError, match="broken"):
        write_and_break()
    assert target.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [target]


def answer(data: bytes, size: int = 0, sha256: str = "") -> pb.DownloadArtifactResponse:
    return pb.DownloadArtifactResponse(body=HttpBody(data=data), size=size, sha256=sha256)


def test_a_download_goes_on_where_the_stream_broke() -> None:
    digest = hashlib.sha256(b"abcdef").hexdigest()
    download = Download("r", "p", 0, 0)
    download.request()
    download.take(answer(b"abc", 6, digest))
    assert download.request().offset == 3
    download.take(answer(b"def", 6, digest))
    assert download.complete
    download.verify()


def test_a_range_goes_on_with_what_is_left_of_it() -> None:
    download = Download("r", "p", 10, 5)
    download.request()
    download.take(answer(b"ab", 100, "x"))
    request = download.request()
    assert (request.offset, request.length) == (12, 3)


def test_other_bytes_than_recorded_are_data_loss() -> None:
    download = Download("r", "p", 0, 0)
    download.request()
    download.take(answer(b"abx", 3, hashlib.sha256(b"abc").hexdigest()))
    with pytest.raises(DataLossError):
        download.verify()


def test_a_file_replaced_between_two_attempts_is_not_mixed() -> None:
    download = Download("r", "p", 0, 0)
    download.request()
    download.take(answer(b"abc", 6, "digest of the old one"))
    download.request()
    with pytest.raises(EtagMismatch, match="replaced"):
        download.take(answer(b"xyz", 6, "digest of the new one"))


def test_attempts_go_on_while_there_is_progress() -> None:
    attempts = Attempts(Deadline(None))
    for position in range(1, 50):
        assert attempts.delay_s(UnavailableError("gone"), position) > 0


def test_attempts_end_without_progress() -> None:
    attempts = Attempts(Deadline(None))
    for _ in range(MAX_ATTEMPTS - 1):
        attempts.delay_s(UnavailableError("gone"), 0)
    with pytest.raises(UnavailableError):
        attempts.delay_s(UnavailableError("gone"), 0)


def test_a_refusal_ends_at_once() -> None:
    with pytest.raises(BadPath):
        Attempts(Deadline(None)).delay_s(BadPath("bad"), 0)


def test_the_deadline_ends_the_attempts() -> None:
    with pytest.raises(UnavailableError):
        Attempts(Deadline(0.0)).delay_s(UnavailableError("gone"), 1)


def test_progress_adds_up_over_files() -> None:
    seen: list[tuple[int, int]] = []
    meter = _transfer.Meter(lambda done, total: seen.append((done, total)), [3, 4])
    meter.at("a", 3)
    meter.at("b", 2)
    meter.at("b", 4)
    assert seen == [(3, 7), (5, 7), (7, 7)]
