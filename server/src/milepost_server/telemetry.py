"""Logs of the whole process, in one form: an event and its fields, on standard error."""

from __future__ import annotations

import logging
import sys

import structlog


def set_up_logging(level: str, form: str) -> None:
    """Sends everything that is logged, by us or by a library, to standard error.

    Args:
        level: Least severity logged.
        form: `console`, `json`, or `auto` for console on a terminal and JSON elsewhere.
    """
    as_json = form == "json" or (form == "auto" and not sys.stderr.isatty())
    shared: list[structlog.typing.Processor] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
    ]
    rendering: list[structlog.typing.Processor] = (
        [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
        if as_json
        else [structlog.dev.ConsoleRenderer()]
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *rendering],
        )
    )
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    # Libraries that tell of each of their steps.
    for name in ("uvicorn.error", "alembic", "asyncio", "grpc"):
        logging.getLogger(name).setLevel(logging.WARNING)
