"""What a worker does: loads one model, then answers one request after the other until the connection is closed.

Messages to it have `do`, and messages from it `is`, beside what is named here. Each is answered by one.

| do | fields | answers |
|---|---|---|
| `load` | `folder`, `trust`, `verify`, `device` | `ready`: `flavor`, `can_stream` |
| `predict` | payload, `params` | `answer`: payload |
| `stream` | payload, `params`, `stream`: a number that names it | as `next` |
| `next` | `stream` | `piece`: payload; or `end`, when there are no more |
| `close` | `stream` | `end` |

Instead of any of them may come `failed`: `kind`, the name of the error's class; `message`; `traceback`; `schema`,
whether data or params are not those of the signature, and `field`, which of them. All answers have `rss`, the resident
bytes.
"""

from __future__ import annotations

import gc
import itertools
import os
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from milepost.errors import SchemaMismatch
from milepost.models.format.descriptor import ModelDescriptor
from milepost.models.loading import chosen_flavor
from milepost.models.worker.channel import Channel
from milepost.models.worker.inputs import model_input
from milepost.models.worker.outputs import answer_payload
from milepost.models.worker.payload import Payload
from milepost.pyfunc import PyFuncModel, load_model

MAX_MESSAGE, MAX_TRACEBACK = 4_000, 20_000
_TAKE_DEVICE = {"pytorch", "transformers", "sentence_transformers"}

Answer = tuple[dict[str, Any], Payload | None]


class Session:
    """One worker's work."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._model: PyFuncModel | None = None
        self._streams: dict[int, Iterator[Any]] = {}
        self._resident = _resident_bytes()
        self._verbs: Mapping[str, Callable[[dict[str, Any], Payload | None], Answer]] = {
            "load": self._load,
            "predict": self._predict,
            "stream": self._stream,
            "next": self._next,
            "close": self._close,
        }

    def run(self) -> None:
        """Answers until the connection is closed."""
        while True:
            try:
                message = self._channel.receive()
                if message is None:
                    return
                fields, payload = message
                answer, answered = self._verbs[fields["do"]](fields, payload)
                self._channel.send({**answer, "rss": self._resident()}, answered)
            except BaseException as error:  # also SystemExit: it is the model's wish to end, not ours
                with suppress(ConnectionError):  # the next look for a message says so, too
                    self._channel.send({**described(error), "rss": self._resident()})

    def _load(self, fields: dict[str, Any], _: Payload | None) -> Answer:
        folder = Path(fields["folder"])
        options = {}
        if fields["device"] is not None and chosen_flavor(ModelDescriptor.read(folder)) in _TAKE_DEVICE:
            options["device"] = "cuda:0"  # the process sees no other
        self._model = load_model(folder, trust=fields["trust"], verify=fields["verify"], **options)
        # What was made so far stays: the collector need not look at it again and again.
        gc.collect()
        gc.freeze()
        return {"is": "ready", "flavor": self._model.flavor, "can_stream": self._model.can_stream}, None

    def _predict(self, fields: dict[str, Any], payload: Payload | None) -> Answer:
        model, data = self._asked(payload)
        return {"is": "answer"}, answer_payload(model.predict(data, fields["params"]))

    def _stream(self, fields: dict[str, Any], payload: Payload | None) -> Answer:
        model, data = self._asked(payload)
        self._streams[fields["stream"]] = model.predict_stream(data, fields["params"])
        return self._next(fields, None)

    def _next(self, fields: dict[str, Any], _: Payload | None) -> Answer:
        try:
            piece = next(self._streams[fields["stream"]])
        except BaseException as ended:
            del self._streams[fields["stream"]]
            if isinstance(ended, StopIteration):
                return {"is": "end"}, None
            raise
        return {"is": "piece"}, answer_payload(piece)

    def _close(self, fields: dict[str, Any], _: Payload | None) -> Answer:
        stream = self._streams.pop(fields["stream"], None)
        close = getattr(stream, "close", None)  # generators have it, other iterators need not
        if close is not None:
            close()
        return {"is": "end"}, None

    def _asked(self, payload: Payload | None) -> tuple[PyFuncModel, Any]:
        if self._model is None or payload is None:
            raise ValueError("A request needs a model that is loaded, and data.")
        return self._model, model_input(payload)


def described(error: BaseException) -> dict[str, Any]:
    """The fields of `failed`."""
    try:
        message = str(error)
    except Exception:  # of the model's; its text is not worth more than that
        message = ""
    text = "".join(itertools.islice(traceback.TracebackException.from_exception(error).format(), 1000))
    return {
        "is": "failed",
        "kind": type(error).__qualname__,
        "message": message[:MAX_MESSAGE],
        "traceback": text[-MAX_TRACEBACK:],
        "schema": isinstance(error, SchemaMismatch),
        "field": error.field if isinstance(error, SchemaMismatch) else "",
    }


def _resident_bytes() -> Callable[[], int]:
    """A function that tells the resident memory of this process."""
    try:
        descriptor = os.open("/proc/self/statm", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:  # macOS tells the greatest so far
        import resource

        return lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    page = os.sysconf("SC_PAGE_SIZE")
    return lambda: int(os.pread(descriptor, 128, 0).split()[1]) * page
