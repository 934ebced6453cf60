"""How the process of a worker is started."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from milepost.models.environments.isolation import build_environment
from milepost_server.serving.options import Options

# More threads make small predictions slower, and several workers would have as many each. Who wants more sets them.
_ONE_THREAD = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "NUMEXPR_NUM_THREADS",
)


@dataclass(frozen=True)
class Launch:
    """What all workers of a version are started with.

    Args:
        python: The interpreter of the environment that the model runs in.
        variables: Environment variables, all of them.
        load: Fields of the request that makes it load the model.
        timeout_s: Most seconds until it has.
    """

    python: Path
    variables: Mapping[str, str]
    load: Mapping[str, object]
    timeout_s: float


def prepare(folder: Path, options: Options) -> Launch:
    """Decides how workers are started. Builds the environment of the model if it has one of its own, which takes long.

    Args:
        folder: The model's, whose files were verified.
        options: How it is run.

    Raises:
        ModelError: The environment cannot be built.
    """
    python = Path(sys.executable)
    if options.environment != "local":
        python = build_environment(folder, manager=options.environment, trust=options.trust).python
    variables = {**dict.fromkeys(_ONE_THREAD, "1"), **os.environ}
    if options.device is not None:
        variables["CUDA_VISIBLE_DEVICES"] = str(options.device)
    load = {
        "do": "load",
        "folder": str(folder.resolve()),
        "trust": options.trust,
        "verify": False,
        "device": options.device,
    }
    return Launch(python, variables, load, options.load_timeout_s)
