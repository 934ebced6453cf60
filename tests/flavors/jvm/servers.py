"""Java processes for tests: one thread, little memory, and little compiling, since they live for seconds."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import h2o
from h2o.backend import H2OLocalServer
from pyspark.sql import SparkSession

QUICK = "-XX:TieredStopAtLevel=1"


@contextmanager
def spark_session() -> Iterator[Any]:
    """A session of Spark in this process's Java, which stays for the next session."""
    settings = {
        "spark.ui.enabled": "false",
        "spark.sql.shuffle.partitions": "1",
        "spark.sql.codegen.wholeStage": "false",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.host": "127.0.0.1",
        "spark.driver.extraJavaOptions": QUICK,
    }
    session = SparkSession.builder.master("local[1]").config(map=settings).getOrCreate()
    try:
        yield session
    finally:
        session.stop()


@contextmanager
def h2o_server() -> Iterator[None]:
    """A server of H2O that this process is connected to."""
    server = H2OLocalServer.start(
        nthreads=1, max_mem_size=1 << 30, log_level="ERRR", verbose=False, jvm_custom_args=[QUICK]
    )
    try:
        h2o.connect(server=server, verbose=False)
        h2o.no_progress()
        yield
        h2o.connection().close()
    finally:
        server.shutdown()
