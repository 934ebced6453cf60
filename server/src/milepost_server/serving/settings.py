"""Settings of the model server: a flag, else `MILEPOST_SERVING_…` of the environment, else a TOML file."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, Self

from pydantic import Field, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from milepost_server.serving.options import Options


class ServingSettings(BaseSettings):
    """All settings, resolved once by the composition root. Flags are given as keyword arguments."""

    model_config = SettingsConfigDict(env_prefix="MILEPOST_SERVING_", frozen=True, extra="forbid")

    models: tuple[str, ...] = Field(
        (),
        description="What to serve: models:/NAME@ALIAS, models:/NAME/VERSION, a folder or any other URI of a model; "
        "NAME=URI serves it under that name.",
    )
    tracking_uri: str = Field(
        "",
        description="Address of the tracking server (gRPC) that has the registry. Default: MILEPOST_TRACKING_URI, else "
        "127.0.0.1:5001.",
    )
    host: str = Field("127.0.0.1", description="Address that both listeners bind to.")
    http_port: int = Field(8080, ge=0, le=65535, description="Port of HTTP; 0 takes a free one and prints it.")
    grpc_port: int = Field(8081, ge=0, le=65535, description="Port of gRPC; 0 takes a free one and prints it.")
    workers: int = Field(1, ge=1, le=64, description="Processes for each version of a model.")
    spares: int = Field(
        1,
        ge=0,
        le=8,
        description="Processes besides, for each version, that wait with the model loaded until one ends. They cost "
        "memory; without them recovery takes as long as loading.",
    )
    max_batch_rows: int = Field(
        8192,
        ge=1,
        description="Most rows of different requests that are predicted together, as long as the model is quick; 1 to "
        "join none.",
    )
    max_batch_wait_ms: float = Field(
        2.0, ge=0, le=1000, description="Most milliseconds that a request waits for others, while there are others."
    )
    max_queue: int = Field(1000, ge=1, description="Most requests that wait for a model; further ones are refused.")
    environment: Literal["local", "uv", "virtualenv"] = Field(
        "local",
        description="Where models run: local for the server's own environment, uv or virtualenv for one made of the "
        "model's requirements.",
    )
    device: int | None = Field(None, ge=0, description="Index of the GPU that models see. Default: no choice.")
    trust: bool = Field(False, description="Let code that comes with models run, such as pickles and scripts.")
    predict_timeout_s: float = Field(
        60.0, gt=0, description="Most seconds that a prediction may take; its process is replaced then."
    )
    load_timeout_s: float = Field(300.0, gt=0, description="Most seconds that loading a model may take.")
    max_worker_mib: int = Field(
        0, ge=0, description="Resident memory of a process, in MiB, beyond which it is replaced; 0 for any."
    )
    max_message_bytes: int = Field(64 * 1024 * 1024, ge=1024, description="Most bytes of a message or an HTTP body.")
    max_concurrent_calls: int = Field(2000, ge=1, description="Most calls worked on at once; further ones are refused.")
    allowed_hosts: tuple[str, ...] = Field(
        (),
        description="Host names, besides addresses and localhost, under which clients may reach the server; * for any.",
    )
    drain_s: float = Field(10.0, ge=0, description="Seconds that accepted calls get to finish on shutdown.")
    access_log: Literal["off", "errors", "all"] = Field(
        "errors", description="Which requests are logged, one line each, without their data."
    )
    sample_inputs: float = Field(
        0.0,
        ge=0,
        le=1,
        description="Share of requests, 0 to 1, whose inputs and answers are kept in sample_dir. Mind their privacy.",
    )
    sample_dir: Path | None = Field(
        None, description="Folder for samples: Parquet files by model and version. Needed when sample_inputs is not 0."
    )
    sample_file_mib: int = Field(64, ge=1, description="Size in MiB from which a file of samples is complete.")
    sample_file_age_s: float = Field(
        300.0, gt=0, description="Seconds after which a file of samples is complete; before, readers do not see it."
    )
    otlp_endpoint: str = Field(
        "",
        pattern=r"^(https?://.+)?$",
        description="OpenTelemetry collector that gets traces over gRPC, such as http://127.0.0.1:4317. Default: none.",
    )
    trace_share: float = Field(
        0.1, ge=0, le=1, description="Share of requests that are traced, 0 to 1, where the caller does not say."
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="Least severity logged.")
    log_format: Literal["auto", "console", "json"] = Field(
        "auto", description="Form of the log; auto is console on a terminal and json elsewhere."
    )

    @model_validator(mode="after")
    def _samples_have_a_place(self) -> Self:
        if self.sample_inputs and self.sample_dir is None:
            raise ValueError("sample_inputs needs a folder: set sample_dir too")
        return self

    @property
    def options(self) -> Options:
        """How models are run unless a call says otherwise."""
        return Options(
            workers=self.workers,
            spares=self.spares,
            max_batch_rows=self.max_batch_rows,
            max_batch_wait_s=self.max_batch_wait_ms / 1000,
            max_queue=self.max_queue,
            environment=self.environment,
            device=self.device,
            trust=self.trust,
            predict_timeout_s=self.predict_timeout_s,
            load_timeout_s=self.load_timeout_s,
            max_worker_bytes=self.max_worker_mib * 1024 * 1024,
        )
