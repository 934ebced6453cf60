"""Releases the best model: registers it, judges it, points an alias to it, and lets another program use it."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

import milepost
from milepost.evaluation import Threshold
from milepost_server.demo.training import digits_to_test

Say = Callable[[str], None]

NAME = "digits"
ALIAS = "champion"
_USE = """
import sys
import numpy as np
import milepost

images, labels = sys.argv[1:]
np.save(labels, milepost.load_model("models:/digits@champion").predict(np.load(images)))
"""


def release(run_id: str, say: Say) -> None:
    """Makes the classifier of a run the champion of the registered model, if it is good enough."""
    version = milepost.register_model(f"runs:/{run_id}/classifier", NAME, description="The best of the grid.")
    say(f"registered           models:/{NAME}/{version.version}, {version.size:,} bytes, sha256 {version.sha256[:12]}…")

    images, labels = digits_to_test()
    with milepost.start_run(experiment="demo-digits", run_name=f"evaluation of version {version.version}"):
        result = milepost.evaluate(
            version.uri, images, labels, model_type="classifier", thresholds={"accuracy": Threshold(at_least=0.9)}
        )
    result.require()
    say(f"  evaluated          accuracy {result.metrics['accuracy']:.4f}, roc_auc {result.metrics['roc_auc']:.4f}")
    version.set_alias(ALIAS)
    say(f"  alias              models:/{NAME}@{ALIAS}")

    predicted = _use_elsewhere(images)
    own = milepost.load_model(f"runs:/{run_id}/classifier").predict(images)
    if not np.array_equal(predicted, own):
        raise RuntimeError("the champion that another process loaded predicts otherwise than the model of the run")
    say(f"  in a new process   loads it by its alias and predicts all {len(predicted)} digits as the run's own model")


def _use_elsewhere(images: np.ndarray) -> np.ndarray:
    """What the champion predicts in a process that knows its URI only."""
    with tempfile.TemporaryDirectory() as folder:
        asked, answered = Path(folder) / "images.npy", Path(folder) / "labels.npy"
        np.save(asked, images)
        environment = {**os.environ, "MILEPOST_TRACKING_URI": milepost.get_tracking_uri()}
        command = [sys.executable, "-c", _USE, str(asked), str(answered)]
        subprocess.run(command, check=True, env=environment)  # noqa: S603  this interpreter and the text above
        labels: np.ndarray = np.load(answered)
        return labels
