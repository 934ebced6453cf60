"""Runs models in processes of their own: workers, the queue before them, and micro-batches."""

from milepost_server.serving.execution.engine import start_engine
from milepost_server.serving.execution.rows import treats_rows_independently

__all__ = ["start_engine", "treats_rows_independently"]
