"""Metric streams: batches of points in, cumulative acknowledgements out, with no loss and no twins."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import aclosing

from google.protobuf.message import Message
from google.rpc import status_pb2

from milepost import v1 as pb
from milepost_server.errors import InvalidArgument, invalid_field, to_status
from milepost_server.services.clock import Clock
from milepost_server.services.metric_inbox import Batch, Budget, Inbox, sequence_gap
from milepost_server.services.metrics import complete_columns
from milepost_server.services.refusals import run_deleted
from milepost_server.services.run_keys import existing_run, writable_run
from milepost_server.storage.base import Storage, Transaction

Check = Callable[[Message, str], None]

# Read by all streams and not stored yet.
_SHARED_BYTES = 128 * 1024 * 1024


class MetricStreamService:
    """Metric streams.

    Args:
        storage: The database.
        clock: The time.
        check: Raises `InvalidArgument` for a message that breaks a rule of its proto.
    """

    def __init__(self, storage: Storage, clock: Clock, check: Check) -> None:
        self._storage = storage
        self._clock = clock
        self._check = check
        self._inboxes: set[Inbox] = set()
        self._budget = Budget(_SHARED_BYTES)
        self._draining = False

    def drain(self) -> None:
        """Tells all clients that the server shuts down; their streams end once what was read of them is answered."""
        self._draining = True
        for inbox in self._inboxes:
            inbox.drain()

    async def stream(
        self, requests: AsyncIterator[pb.StreamMetricsRequest]
    ) -> AsyncGenerator[pb.StreamMetricsResponse, None]:
        """See `MetricService.StreamMetrics`."""
        opening = await self._opening(requests)
        writer = _Writer(self._storage, self._clock, opening.run_id, opening.writer_id)
        durable, rejections = await writer.open(opening.answered_sequence)
        yield pb.StreamMetricsResponse(opened=pb.StreamMetricsOpened(durable_sequence=durable))
        for rejection in rejections:
            yield pb.StreamMetricsResponse(rejected=rejection)
        # Says that no more rejections are told again.
        yield pb.StreamMetricsResponse(ack=pb.StreamMetricsAck(durable_sequence=durable))
        inbox = Inbox(requests, self._read, durable, self._budget)
        self._inboxes.add(inbox)
        if self._draining:
            inbox.drain()
        try:
            async with aclosing(inbox.groups()) as groups:
                async for group in groups:
                    if group is None:
                        yield pb.StreamMetricsResponse(drain=pb.StreamMetricsDrain())
                        continue
                    durable, rejections = await writer.store(group)
                    for rejection in rejections:
                        yield pb.StreamMetricsResponse(rejected=rejection)
                    yield pb.StreamMetricsResponse(ack=pb.StreamMetricsAck(durable_sequence=durable))
        finally:
            self._inboxes.discard(inbox)

    async def _opening(self, requests: AsyncIterator[pb.StreamMetricsRequest]) -> pb.StreamMetricsOpen:
        async for request in requests:
            self._check(request, "")
            if request.HasField("open"):
                return request.open
            break
        raise invalid_field(
            "open",
            "must be the first message; name the run and the writer in it",
            reason=pb.ERROR_REASON_REQUIRED_FIELD,
        )

    def _read(self, request: pb.StreamMetricsRequest) -> Batch:
        """A batch as it is to be stored, or refused."""
        if not request.HasField("batch") or request.batch.sequence < 1:
            self._check(request, "")
            raise invalid_field("batch.sequence", "must be 1 for the first batch of a writer, then one more each")
        batch = request.batch
        try:
            self._check(request, "")
            complete_columns(batch.metrics, self._clock, "batch.metrics")
        except InvalidArgument as error:
            return Batch(batch.sequence, (), error)
        return Batch(batch.sequence, batch.metrics)


class _Writer:
    """A writer of a run, over one stream."""

    def __init__(self, storage: Storage, clock: Clock, run_id: str, writer_id: str) -> None:
        self._storage = storage
        self._clock = clock
        self._run_id = run_id
        self._writer_id = writer_id

    async def open(self, answered: int) -> tuple[int, list[pb.StreamMetricsRejected]]:
        """The sequence number up to which all is answered, and the rejections that the client may not know."""

        async def work(tx: Transaction) -> tuple[int, Sequence[tuple[int, bytes]]]:
            key = await existing_run(tx, self._run_id)
            if key.deleted:
                raise run_deleted(self._run_id)
            durable = await tx.metric_writers.sequence(key, self._writer_id)
            return durable, await tx.metric_writers.rejections(key, self._writer_id, 0)

        durable, kept = await self._storage.read(work)
        if any(sequence <= answered for sequence, _ in kept):
            await self._storage.write(lambda tx: self._forget(tx, answered))
        return durable, [
            pb.StreamMetricsRejected(sequence=sequence, error=status_pb2.Status.FromString(error))
            for sequence, error in kept
            if sequence > answered
        ]

    async def _forget(self, tx: Transaction, told: int) -> None:
        key = await writable_run(tx, self._run_id)
        await tx.metric_writers.forget_rejections(key, self._writer_id, told)

    async def store(self, batches: Sequence[Batch]) -> tuple[int, list[pb.StreamMetricsRejected]]:
        """Commits batches in one transaction. Returns what `open` does."""
        rejected = {batch.sequence: to_status(batch.error) for batch in batches if batch.error is not None}

        async def work(tx: Transaction) -> tuple[int, int]:
            key = await writable_run(tx, self._run_id)
            before = await tx.metric_writers.sequence(key, self._writer_id)
            new = [batch for batch in batches if batch.sequence > before]
            if not new:
                return before, before
            if new[0].sequence != before + 1:
                raise sequence_gap(before + 1, new[0].sequence)
            now = self._clock()
            await tx.metrics.append(key, [points for batch in new for points in batch.metrics], now)
            refused = {sequence: error.SerializeToString() for sequence, error in rejected.items() if sequence > before}
            if refused:
                # A client has at most a window of batches unanswered, so it knows of all before.
                await tx.metric_writers.forget_rejections(key, self._writer_id, before - Inbox.WINDOW_BATCHES)
                await tx.metric_writers.reject(key, self._writer_id, refused)
            await tx.metric_writers.advance(key, self._writer_id, new[-1].sequence, now)
            return before, new[-1].sequence

        before, durable = await self._storage.write(work)
        return durable, [
            pb.StreamMetricsRejected(sequence=sequence, error=error)
            for sequence, error in rejected.items()
            if sequence > before
        ]
