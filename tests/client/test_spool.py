"""Spool files: what is written is read, damage is found, and a file has one owner."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from milepost._batches import Batch
from milepost._spool import Spool, SpoolDamaged, SpoolFull, SpoolInUse, left_spools

LIMIT = 1 << 30
BATCHES = [
    Batch("run", 3, b"points", "writer", 1),
    Batch("run", 1, b""),
    Batch("r" * 64, 20_000, bytes(range(256)) * 1000, "w" * 64, 2**63 - 1),
]


def written(folder: Path, batches: list[Batch] = BATCHES) -> Path:
    spool = Spool.create(folder / "spool", "host:1")
    for batch in batches:
        spool.append(batch, LIMIT)
    spool.close()
    return spool.path


def read_all(spool: Spool) -> list[Batch]:
    found, offset = [], spool.first
    while offset < spool.size:
        batch, offset = spool.read(offset)
        found.append(batch)
    return found


def test_batches_are_read_as_they_were_written(tmp_path: Path) -> None:
    spool = Spool.adopt(written(tmp_path))
    assert spool.address == "host:1"
    assert read_all(spool) == BATCHES
    spool.close()


def test_what_was_marked_is_not_read_again(tmp_path: Path) -> None:
    path = written(tmp_path)
    spool = Spool.adopt(path)
    spool.mark(spool.read(spool.first)[1])
    spool.close()
    again = Spool.adopt(path)
    assert read_all(again) == BATCHES[1:]
    again.close()


@pytest.mark.parametrize("lost", [1, 100, 256_000])
def test_a_tail_that_was_cut_off_is_damage(tmp_path: Path, lost: int) -> None:
    path = written(tmp_path)
    os.truncate(path, path.stat().st_size - lost)
    spool = Spool.adopt(path)
    with pytest.raises(SpoolDamaged):
        read_all(spool)
    spool.close()


def test_any_changed_bit_of_a_record_is_damage(tmp_path: Path) -> None:
    path = written(tmp_path, BATCHES[:1])
    whole = path.read_bytes()
    spool = Spool.adopt(path)
    start = spool.first
    spool.close()
    for place in range(start, len(whole)):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0x10]) + whole[place + 1 :])
        damaged = Spool.adopt(path)
        with pytest.raises(SpoolDamaged):
            damaged.read(start)
        damaged.close()


@pytest.mark.parametrize("content", [b"", b"MPSPOOL1", b"x" * 100])
def test_a_file_without_its_beginning_is_damaged(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x.spool"
    path.write_bytes(content)
    with pytest.raises(SpoolDamaged):
        Spool.adopt(path)


def test_a_mark_beyond_the_file_is_damage(tmp_path: Path) -> None:
    path = written(tmp_path)
    path.write_bytes(path.read_bytes()[:8] + (1 << 40).to_bytes(8, "little") + path.read_bytes()[16:])
    with pytest.raises(SpoolDamaged):
        Spool.adopt(path)


def test_a_file_in_use_is_left_alone(tmp_path: Path) -> None:
    spool = Spool.create(tmp_path, "host:1")
    with pytest.raises(SpoolInUse):
        Spool.adopt(spool.path)
    spool.close()
    Spool.adopt(spool.path).close()


def in_another_process(path: Path, program: str) -> str:
    """What a program prints that takes a record lock of a file, as Java does: of one byte, by the system call."""
    lock = (
        "import fcntl, os, sys\n"
        "file = os.open(sys.argv[1], os.O_RDWR)\n"
        "fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, 64 * 1024 * 1024)\n"
    )
    done = subprocess.run([sys.executable, "-c", lock + program, path], capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


def test_a_file_that_java_locked_is_left_alone(tmp_path: Path) -> None:
    adopt = "import sys, pathlib; from milepost._spool import Spool; Spool.adopt(pathlib.Path(sys.argv[1]))"
    program = f"import subprocess; subprocess.run([sys.executable, '-c', {adopt!r}, sys.argv[1]])"
    path = written(tmp_path)
    assert "SpoolInUse" in in_another_process(path, program)
    Spool.adopt(path).close()


def test_java_leaves_a_file_in_use_alone(tmp_path: Path) -> None:
    spool = Spool.create(tmp_path, "host:1")
    assert "BlockingIOError" in in_another_process(spool.path, "print('locked')")
    spool.close()
    assert in_another_process(spool.path, "print('locked')") == "locked\n"


def test_the_end_of_a_process_frees_its_file(tmp_path: Path) -> None:
    program = (
        "import os, pathlib, sys; from milepost._spool import Spool; from milepost._batches import Batch\n"
        "spool = Spool.create(pathlib.Path(sys.argv[1]), 'host:1')\n"
        "spool.append(Batch('run', 1, b'x'), 10**6)\n"
        "print(spool.path, flush=True); os.kill(os.getpid(), 9)"
    )
    done = subprocess.run([sys.executable, "-c", program, tmp_path], capture_output=True, text=True, check=False)
    spool = Spool.adopt(Path(done.stdout.strip()))
    assert read_all(spool) == [Batch("run", 1, b"x")]
    spool.close()


def test_a_file_never_grows_beyond_its_bound(tmp_path: Path) -> None:
    spool = Spool.create(tmp_path, "host:1")
    spool.append(BATCHES[0], 200)
    with pytest.raises(SpoolFull):
        spool.append(BATCHES[2], 200)
    assert read_all(spool) == BATCHES[:1]
    assert spool.path.stat().st_size == spool.size
    spool.close()


def test_only_the_user_can_read_it(tmp_path: Path) -> None:
    path = written(tmp_path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_files_are_found_oldest_first_and_nothing_else_is(tmp_path: Path) -> None:
    for age, name in enumerate(("b.spool", "a.spool", "note.txt")):
        (tmp_path / name).touch()
        os.utime(tmp_path / name, ns=(age, age))
    (tmp_path / "link.spool").symlink_to(tmp_path / "a.spool")
    assert [path.name for path in left_spools(tmp_path)] == ["b.spool", "a.spool"]
    assert list(left_spools(tmp_path / "nowhere")) == []


def test_a_removed_file_is_gone(tmp_path: Path) -> None:
    spool = Spool.create(tmp_path, "host:1")
    spool.remove()
    assert list(tmp_path.iterdir()) == []
