"""Requests and answers that the model server keeps for later evaluation."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

import milepost
from milepost.models.format.descriptor import ModelDescriptor
from milepost.models.worker.payload import Payload
from milepost_server.errors import InvalidArgument
from milepost_server.serving.operations.sample_files import folder_name
from milepost_server.serving.predicting import Asked
from support.serving_models import CLASSES, COLUMNS, ROWS, columns_model
from support.serving_requests import ask, failing, loaded
from support.serving_samples import METADATA, Samples, frame


@pytest.fixture
def samples(tmp_path: Path) -> Samples:
    return Samples(tmp_path / "samples")


def run(script: str, folder: Path) -> str:
    """Runs a script in a process of its own; what it said on standard error."""
    paths = os.pathsep.join(path for path in sys.path if path)
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", script, str(folder)],
        env={**os.environ, "PYTHONPATH": paths},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stderr


async def test_rows_are_kept_with_their_answers_and_where_they_come_from(samples: Samples) -> None:
    version = loaded(answer=lambda given: Payload("array", [given.arrays[0] * 2]))
    before = pd.Timestamp.now("UTC")
    await ask([samples.sampling], version, frame(x=[1.0, 2.0], y=[3, 4]), Asked("digits", call_id="abc"))
    found = await samples.frame()
    assert found[["x", "y", "prediction"]].to_numpy().tolist() == [[1, 3, 2], [2, 4, 4]]
    assert list(found.columns) == ["x", "y", "prediction", *METADATA]
    assert found["_milepost_row"].tolist() == [0, 1]
    assert set(found["_milepost_model"]) == {"digits"}
    assert set(found["_milepost_version"]) == {3}
    assert set(found["_milepost_call_id"]) == {"abc"}
    assert (found["_milepost_time"] >= before).all()
    assert samples.kept() == 1


async def test_samples_can_be_evaluated(samples: Samples) -> None:
    model = milepost.models.load_model(columns_model())
    version = loaded(
        signature=ModelDescriptor.read(columns_model()).signature,
        answer=lambda given: Payload(
            "array", [model.predict(pd.DataFrame(dict(zip(COLUMNS, given.arrays, strict=True))))]
        ),
    )
    for part in np.split(ROWS, 10):
        await ask([samples.sampling], version, frame(**dict(zip(COLUMNS, part.T, strict=True))))
    found = await samples.frame()
    judged = milepost.evaluate(model, found[COLUMNS], CLASSES, model_type="classifier", explain=False)
    again = milepost.evaluate(
        lambda _: found["prediction"], found[COLUMNS], CLASSES, model_type="classifier", explain=False
    )
    assert judged.metrics["accuracy"] == again.metrics["accuracy"] > 0.9


async def test_failed_requests_are_not_kept(samples: Samples) -> None:
    version = loaded(answer=failing(InvalidArgument("wrong")))
    with pytest.raises(InvalidArgument):
        await ask([samples.sampling], version, frame(x=[1.0]))
    await samples.sampling.close(30)
    assert not samples.files()
    assert samples.kept() == 0


async def test_an_answer_that_no_table_holds_is_counted(samples: Samples, caplog: pytest.LogCaptureFixture) -> None:
    version = loaded(answer=lambda _: Payload("array", [np.zeros((1, 0, 3))]))
    await ask([samples.sampling], version, frame(x=[1.0]))
    await samples.sampling.close(30)
    assert not samples.files()
    assert samples.dropped("unwritable") == 1
    assert [record.message for record in caplog.records] == ["a sample cannot be kept in a table"]


async def test_a_file_appears_when_it_is_complete(tmp_path: Path) -> None:
    samples = Samples(tmp_path, max_file_age_s=0.05)
    await ask([samples.sampling], loaded(), frame(x=[1.0]))
    while not (found := samples.complete()):  # nothing else has to happen for it
        pass
    assert pq.read_table(found[0], partitioning=None).num_rows == 1
    await samples.sampling.close(30)
    assert samples.files() == found


async def test_a_file_that_is_full_is_followed_by_another(tmp_path: Path) -> None:
    samples = Samples(tmp_path, max_file_bytes=100_000)
    noise = np.random.default_rng(0).normal(size=(4, 10_000))
    for part in noise:
        await ask([samples.sampling], loaded(), frame(x=part))
    assert np.array_equal((await samples.frame())["x"], noise.ravel())
    assert len(samples.files()) == 4


async def test_requests_of_a_hundred_forms_keep_few_files_open(samples: Samples) -> None:
    for number in range(100):
        await ask([samples.sampling], loaded(), frame(**{f"x{number}": [1.0]}))
    await samples.sampling.close(30)
    assert len(samples.files()) == 100


async def keep_busy(samples: Samples) -> None:
    """Gives it more than half of what may wait, which takes a while to be written."""
    noise = np.random.default_rng(0).normal(size=20 * 1024 * 1024 // 8)
    await ask([samples.sampling], loaded(answer=lambda _: Payload("array", [noise.copy()])), frame(x=noise))


async def test_what_comes_faster_than_it_is_written_is_dropped_and_counted(
    samples: Samples, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(4):
        await keep_busy(samples)
    await samples.sampling.close(60)
    dropped, written = samples.dropped("queue_full"), samples.kept()
    assert dropped is not None
    assert written is not None
    assert min(dropped, written) > 0
    assert dropped + written == 4
    assert [record.message for record in caplog.records] == [
        "samples are dropped: they come faster than they can be written"
    ]


async def test_what_waits_is_measured_with_the_batch_that_it_is_part_of(samples: Samples) -> None:
    batch = np.zeros(40 * 1024 * 1024 // 8)
    await keep_busy(samples)
    await ask([samples.sampling], loaded(answer=lambda _: Payload("array", [batch[:1]])), frame(x=[1.0]))
    await samples.sampling.close(60)
    assert (samples.kept(), samples.dropped("queue_full")) == (1, 1)


async def test_sampling_ends_and_serving_goes_on_when_a_file_cannot_be_made(
    samples: Samples, caplog: pytest.LogCaptureFixture
) -> None:
    (samples.folder / "digits").write_bytes(b"in the way")
    version = loaded()
    await ask([samples.sampling], version, frame(x=[1.0]))
    while not caplog.records:  # the thread that writes tells of it
        await ask([samples.sampling], version, frame(x=[1.0]))
    assert caplog.records[0].message == "sampling ended: a file cannot be written"
    await ask([samples.sampling], version, frame(x=[1.0]))
    await samples.sampling.close(30)
    assert samples.dropped("stopped")
    assert version.failures == 0


_IMPORTS = """
import asyncio, sys
import numpy as np
from pathlib import Path
from prometheus_client import CollectorRegistry
from milepost.models.worker.payload import Payload
from milepost_server.serving.operations.sampling import Sampling
from support.serving_requests import ask, loaded

async def main():
    sampling = Sampling(Path(sys.argv[1]), 1.0, CollectorRegistry())
    columns = [np.array(values, object) for values in (["a", None], [1, None], [{"a": 1}, [2]])]
    await ask([sampling], loaded(), Payload("frame", columns, ("text", "number", "any")))
    await sampling.close(30)

asyncio.run(main())
assert "pandas" not in sys.modules
"""


def test_to_write_samples_takes_no_pandas(tmp_path: Path) -> None:
    run(_IMPORTS, tmp_path)
    assert len([path for path in tmp_path.rglob("*.parquet") if path.is_file()]) == 1


_FULL_DISK = """
import asyncio, resource, signal, sys
import numpy as np
from pathlib import Path
from prometheus_client import CollectorRegistry
from milepost.models.worker.payload import Payload
from milepost_server.serving.operations.sampling import Sampling
from support.serving_requests import ask, loaded

async def main():
    sampling = Sampling(Path(sys.argv[1]), 1.0, CollectorRegistry())
    noise = np.random.default_rng(0).normal(size=10_000)
    for _ in range(100):
        await ask([sampling], loaded(), Payload("frame", [noise], ("x",)))
    await sampling.close(30)

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
asyncio.run(main())
"""


def test_nothing_is_left_of_a_file_that_has_no_room(tmp_path: Path) -> None:
    said = run(_FULL_DISK, tmp_path)
    assert "sampling ended" in said
    assert "Traceback" not in said
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


async def test_others_cannot_read_samples(samples: Samples) -> None:
    await ask([samples.sampling], loaded(), frame(x=[1.0]))
    await samples.sampling.close(30)
    modes = {path: stat.S_IMODE(path.stat().st_mode) for path in (samples.folder, *samples.folder.rglob("*"))}
    assert set(modes.values()) == {0o700, 0o600}


@pytest.mark.parametrize(
    "name", ["../../up", "/etc", "..", ".", ".hidden", "a/b", "a\\b", "a\0b", "ü" * 250, "~", "C:x"]
)
async def test_a_name_leads_nowhere_else(tmp_path: Path, name: str) -> None:
    samples = Samples(tmp_path / "samples")
    await ask([samples.sampling], loaded(name), frame(x=[1.0]))
    await samples.sampling.close(30)
    (file,) = samples.files()
    assert file.parent.parent.parent == samples.folder
    assert [path.name for path in tmp_path.iterdir()] == ["samples"]  # noqa: ASYNC240


@given(st.lists(st.text(), unique=True, min_size=2, max_size=5))
def test_each_name_has_a_folder_of_its_own(names: list[str]) -> None:
    folders = {folder_name(name) for name in names}
    assert len(folders) == len(names)
    assert all(len(folder) <= 200 and "/" not in folder and not folder.startswith(".") for folder in folders)
