"""The cache of fetched models, used by several processes, killed, filled up and damaged."""

from __future__ import annotations

import hashlib
import os
import signal
import stat
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from milepost.errors import ModelError
from milepost.models.format.manifest import write_manifest
from milepost.models.registry.cache import Cache, release

GIB = 1024**3


def key_of(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def filling(content: str = "weights") -> Callable[[Path], Mapping[str, str]]:
    def fill(folder: Path) -> dict[str, str]:
        (folder / "layers").mkdir(exist_ok=True)
        (folder / "layers/0.bin").write_text(content)
        return {"layers/0.bin": key_of(content)}

    return fill


def must_not_be_called(folder: Path) -> dict[str, str]:
    raise AssertionError(f"{folder} was filled again")


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(tmp_path / "cache", GIB)


def let_go(cache: Cache) -> None:
    """As when the process that was given the models ends."""
    from milepost.models.registry import cache as module

    for place in [place for place in module._held if place[1].is_relative_to(cache.root)]:
        os.close(module._held.pop(place).file)


PROGRAM = """
import os, signal, sys
from pathlib import Path
from milepost.models.registry.cache import Cache
root, key, log, kill = sys.argv[1:]

def fill(folder):
    with open(log, "a") as file:
        file.write("filled\\n")
    if not (folder / "a").exists():
        (folder / "a").write_text("first")
        if kill == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
    (folder / "b").write_text("second")
    return {}

print("ready", flush=True)
sys.stdin.readline()
print(Cache(Path(root), 10**9).obtain(key, 0, fill), flush=True)
sys.stdin.readline()
"""


def start(cache: Cache, key: str, log: Path, kill: str = "") -> subprocess.Popen[str]:
    command = [sys.executable, "-c", PROGRAM, str(cache.root), key, str(log), kill]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def tell(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()


def test_a_model_is_filled_once_and_then_found(cache: Cache) -> None:
    key = key_of("a")
    assert cache.find(key) is None
    folder = cache.obtain(key, 7, filling())
    assert (folder / "layers/0.bin").read_text() == "weights"
    assert cache.obtain(key, 7, must_not_be_called) == cache.find(key) == folder


def test_what_is_kept_is_read_only(cache: Cache) -> None:
    folder = cache.obtain(key_of("a"), 7, filling())
    for place in (folder, folder / "layers", folder / "layers/0.bin"):
        assert not stat.S_IMODE(place.stat().st_mode) & 0o222


def test_processes_that_ask_at_once_fill_it_once(cache: Cache, tmp_path: Path) -> None:
    log = tmp_path / "log"
    processes = [start(cache, key_of("a"), log) for _ in range(2)]
    for process in processes:
        tell(process)
    outputs = [process.communicate("\n", timeout=60)[0] for process in processes]
    assert len(set(outputs)) == 1
    assert log.read_text() == "filled\n"


def test_what_a_killed_process_had_is_continued_by_the_next(cache: Cache, tmp_path: Path) -> None:
    log = tmp_path / "log"
    killed = start(cache, key_of("a"), log, kill="kill")
    killed.communicate("\n", timeout=60)
    assert killed.returncode == -signal.SIGKILL
    assert cache.find(key_of("a")) is None
    assert [(entry.complete, entry.in_use) for entry in cache.entries()] == [(False, False)]
    output, _ = start(cache, key_of("a"), log).communicate("\n\n", timeout=60)
    folder = Path(output.strip())
    assert [(folder / name).read_text() for name in "ab"] == ["first", "second"]
    assert log.read_text() == "filled\nfilled\n"


def test_one_that_fails_to_come_is_not_there(cache: Cache) -> None:
    def fill(folder: Path) -> dict[str, str]:
        (folder / "a").write_text("x")
        raise ModelError("the store went away")

    with pytest.raises(ModelError, match="went away"):
        cache.obtain(key_of("a"), 1, fill)
    assert cache.find(key_of("a")) is None


def test_the_one_used_longest_ago_leaves_first(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "cache", 25)
    for age, name in enumerate("cab"):
        cache.obtain(key_of(name), 10, filling(name * 10))
        let_go(cache)
        os.utime(cache.root / "locks" / f"{key_of(name)}.use", (1000 + age, 1000 + age))
    assert {entry.key for entry in cache.entries()} == {key_of("a"), key_of("b")}


def test_one_in_use_never_leaves(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "cache", 1)
    folders = [cache.obtain(key_of(name), 10, filling(name * 10)) for name in "abc"]
    assert all(folder.is_dir() for folder in folders)
    assert not any(cache.remove(entry) for entry in cache.entries())
    let_go(cache)
    assert all(cache.remove(entry) for entry in cache.entries())
    assert not any(folder.exists() for folder in folders)


def test_one_that_was_given_back_as_often_as_it_was_given_may_leave(cache: Cache) -> None:
    folder = cache.obtain(key_of("a"), 7, filling())
    assert cache.find(key_of("a")) == folder
    (entry,) = cache.entries()
    release(folder)
    assert not cache.remove(entry)
    release(folder)
    assert cache.remove(entry)
    release(folder)
    assert cache.obtain(key_of("a"), 7, filling()) == folder
    assert not cache.remove(entry)


def test_one_that_is_not_as_it_was_is_not_held(cache: Cache) -> None:
    file = cache.obtain(key_of("a"), 7, filling()) / "layers/0.bin"
    file.chmod(0o600)
    file.write_text("changed")
    assert cache.find(key_of("a")) is None
    release(file.parent.parent)
    (entry,) = cache.entries()
    assert cache.remove(entry)


def test_one_in_use_by_another_process_never_leaves(cache: Cache, tmp_path: Path) -> None:
    process = start(cache, key_of("a"), tmp_path / "log")
    tell(process)
    assert process.stdout is not None
    assert Path(process.stdout.readline().strip()).is_dir()
    (entry,) = cache.entries()
    assert entry.in_use
    assert not cache.remove(entry)
    process.communicate("\n", timeout=60)
    assert cache.remove(entry)


def test_a_model_without_manifest_that_was_changed_is_filled_anew(cache: Cache) -> None:
    key = key_of("a")
    file = cache.obtain(key, 7, filling()) / "layers/0.bin"
    file.chmod(0o600)
    file.write_text("changed")
    assert cache.find(key) is None
    assert (cache.obtain(key, 7, filling()) / "layers/0.bin").read_text() == "weights"


def test_a_damaged_model_with_manifest_is_filled_anew_when_asked(cache: Cache, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    filling()(source)
    write_manifest(source)
    manifest = (source / "SHA256SUMS").read_bytes()

    def fill(folder: Path) -> dict[str, str]:
        (folder / "SHA256SUMS").write_bytes(manifest)
        return dict(filling()(folder))

    key = hashlib.sha256(manifest).hexdigest()
    folder = cache.obtain(key, 7, fill)
    assert cache.obtain(key, 7, must_not_be_called, anew=True) == folder
    (folder / "layers/0.bin").chmod(0o600)
    (folder / "layers/0.bin").write_text("changed")
    assert cache.find(key) == folder
    assert (cache.obtain(key, 7, fill, anew=True) / "layers/0.bin").read_text() == "weights"


def test_a_cache_that_cannot_be_written_says_which_variable_helps(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ModelError, match="MILEPOST_CACHE_DIR"):
        Cache(tmp_path / "file/cache", GIB).obtain(key_of("a"), 1, filling())
