"""How one model is run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Options:
    """See `milepost.v1.ServingOptions`, with every value decided.

    Args:
        workers: Number of processes for each version.
        spares: Number of processes besides that have loaded the model and take the place of one that ends, so that
            nobody waits until another has started. They cost memory only.
        max_batch_rows: Most rows of different requests that are predicted together; 1 to predict each by itself. More
            than 64 only as long as the model takes less than 0.1 s for them; never more than 32 MiB.
        max_batch_wait_s: Most seconds that a request waits for others, while there are others.
        max_queue: Most requests that wait for a process.
        environment: Where the model runs.
        device: Index of the GPU that the processes see; None for no choice of ours.
        trust: Whether code that comes with the model may run. Never given by a call.
        predict_timeout_s: Most seconds that one prediction may take; its process is replaced then.
        load_timeout_s: Most seconds that loading and the first answer may take.
        max_worker_bytes: Resident memory beyond which a process is replaced, once it has answered; 0 for any.
    """

    workers: int = 1
    spares: int = 1
    max_batch_rows: int = 8192
    max_batch_wait_s: float = 0.002
    max_queue: int = 1000
    environment: Literal["local", "uv", "virtualenv"] = "local"
    device: int | None = None
    trust: bool = False
    predict_timeout_s: float = 60.0
    load_timeout_s: float = 300.0
    max_worker_bytes: int = 0
