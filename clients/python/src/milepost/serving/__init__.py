"""Asking model servers (`milepost serve`), and telling them what to serve. `docs/serving.md` is the guide.

    from milepost.serving import ModelServer

    with ModelServer("127.0.0.1:8081") as server:
        server.predict("digits", images).data
        with server.stream("digits") as stream:
            for prediction in stream.predict_many(batches):
                print(prediction.data)

`AsyncModelServer` has the same verbs, awaited. Errors are those of `milepost.errors`. Arrays need numpy, and data
frames pandas or polars: `pip install 'milepost-client[models]'`, `[pandas]` or `[polars]`.
"""

from milepost.serving._aio_stream import AsyncPredictionStream
from milepost.serving._stream import PredictionStream
from milepost.serving._values import Prediction
from milepost.serving.aio import AsyncModelServer
from milepost.serving.client import ModelServer

__all__ = ["AsyncModelServer", "AsyncPredictionStream", "ModelServer", "Prediction", "PredictionStream"]
