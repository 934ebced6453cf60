from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import pytest

from milepost import errors
from milepost.models.flavors import _pickles


class Bomb:
    """Makes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return Path.touch, (self.path,)


@pytest.mark.parametrize("format_", _pickles.FORMATS)
def test_gives_back_what_was_written(format_: str, tmp_path: Path) -> None:
    _pickles.write({"weights": [0.5]}, tmp_path / "model.pkl", format_)
    assert _pickles.read(tmp_path / "model.pkl", format_, trust=True) == {"weights": [0.5]}


@pytest.mark.parametrize("format_", _pickles.FORMATS)
def test_nothing_is_read_without_trust(format_: str, tmp_path: Path) -> None:
    _pickles.write(Bomb(tmp_path / "went_off"), tmp_path / "model.pkl", format_)
    with pytest.raises(errors.UntrustedModel, match=r"'model.pkl' is a pickle.*trust=True.*--trust"):
        _pickles.read(tmp_path / "model.pkl", format_, trust=False)
    assert not (tmp_path / "went_off").exists()
    _pickles.read(tmp_path / "model.pkl", format_, trust=True)
    assert (tmp_path / "went_off").exists()


def test_what_a_plain_pickle_cannot_hold_names_the_format_that_can(tmp_path: Path) -> None:
    with pytest.raises(errors.ModelFormatError, match=r"function cannot be stored as pickle.*format='cloudpickle'"):
        _pickles.write(lambda data: data, tmp_path / "model.pkl", _pickles.PICKLE)
    _pickles.write(lambda data: data + 1, tmp_path / "model.pkl", _pickles.CLOUDPICKLE)
    assert _pickles.read(tmp_path / "model.pkl", _pickles.CLOUDPICKLE, trust=True)(1) == 2


def test_a_missing_module_is_named(tmp_path: Path) -> None:
    (tmp_path / "model.pkl").write_bytes(pickle.dumps(Path()).replace(b"pathlib", b"papyrus"))
    with pytest.raises(errors.ModelFormatError, match=r"needs the Python module 'papyrus'.*requirements\.txt"):
        _pickles.read(tmp_path / "model.pkl", _pickles.PICKLE, trust=True)


@pytest.mark.parametrize("content", [b"", b"text", b"\x80\x05\x95\xff"])
def test_what_is_no_pickle_is_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "model.pkl").write_bytes(content)
    with pytest.raises(errors.ModelFormatError, match=r"model.pkl cannot be unpickled"):
        _pickles.read(tmp_path / "model.pkl", _pickles.PICKLE, trust=True)


def test_other_libraries_that_pickle_are_refused(tmp_path: Path) -> None:
    with pytest.raises(errors.ModelFormatError, match="'joblib'; of pickles there are pickle and cloudpickle"):
        _pickles.write({}, tmp_path / "model.pkl", "joblib")
