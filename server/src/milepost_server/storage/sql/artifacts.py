"""Rows of artifacts and of uploads that have begun."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Integer,
    Text,
    bindparam,
    cast,
    delete,
    func,
    null,
    select,
    union_all,
    update,
)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler

from milepost import v1 as pb
from milepost_server.storage.base import Page, PendingArtifact, RunKey, StoredArtifact, StoredUpload
from milepost_server.storage.sql.columns import COLLATIONS
from milepost_server.storage.sql.schema import artifact, artifact_upload, run
from milepost_server.storage.sql.statements import Connection, Row, Statement, Upsert, any_of
from milepost_server.storage.sql.values import microseconds, timestamp

# Sorts behind every path: a segment is shorter than this, and no character is greater.
_BEHIND_ALL = "\U0010ffff" * 64


class _FirstSegment(ColumnElement[str]):
    """The first segment of what follows the first `skip` - 1 characters of a path."""

    inherit_cache = False
    type = Text()

    def __init__(self, path: ColumnElement[str]) -> None:
        self.path = path


@compiles(_FirstSegment, "sqlite")
def _first_segment_sqlite(element: _FirstSegment, compiler: SQLCompiler, **kw: Any) -> str:
    path = compiler.process(element.path, **kw)
    skip = compiler.process(bindparam("skip", type_=Integer()), **kw)
    return f"substr({path}, {skip}, instr(substr({path}, {skip}) || '/', '/') - 1)"


@compiles(_FirstSegment, "postgresql")
def _first_segment_postgresql(element: _FirstSegment, compiler: SQLCompiler, **kw: Any) -> str:
    path = compiler.process(element.path, **kw)
    skip = compiler.process(bindparam("skip", type_=Integer()), **kw)
    return f"split_part(substr({path}, {skip}), '/', 1)"


@compiles(_FirstSegment, "mariadb", "mysql")
def _first_segment_mariadb(element: _FirstSegment, compiler: SQLCompiler, **kw: Any) -> str:
    path = compiler.process(element.path, **kw)
    skip = compiler.process(bindparam("skip", type_=Integer()), **kw)
    collation = COLLATIONS[compiler.dialect.name]
    return f"SUBSTRING_INDEX(SUBSTR(CONVERT({path} USING utf8mb4) COLLATE {collation}, {skip}), '/', 1)"


_of_run = artifact.c.run_id == bindparam("run", type_=BigInteger())
_this = _of_run & (artifact.c.path == bindparam("path_"))
_between = _of_run & (artifact.c.path > bindparam("low")) & (artifact.c.path < bindparam("high"))
# The range first, for the index: it holds the file, what is below it and names that only begin like it.
_this_or_below = (
    _of_run
    & (artifact.c.path >= bindparam("path_"))
    & (artifact.c.path < bindparam("high"))
    & ((artifact.c.path == bindparam("path_")) | (artifact.c.path > bindparam("low")))
)
_columns = (artifact.c.path, artifact.c.size, artifact.c.sha256, artifact.c.content_type, artifact.c.update_us)

_GET = Statement(select(*_columns, artifact.c.staged).where(_this))
_PUT = Upsert(
    artifact,
    ["run_id", "path", "size", "sha256", "content_type", "update_us", "staged"],
    ["run_id", "path"],
    update=["size", "sha256", "content_type", "update_us", "staged"],
)
_FILE_ABOVE = Statement(select(artifact.c.path).where(_of_run & any_of(artifact.c.path, "folders")).limit(1))
_ANY_BELOW = Statement(select(artifact.c.path).where(_between).limit(1))
_is_staged = artifact.c.staged == bindparam("staged_")
_SETTLE = Statement(update(artifact).where(_this & _is_staged).values(staged=null()))
_WITHDRAW = Statement(delete(artifact).where(_this & _is_staged))
_STAGED = Statement(select(artifact.c.staged).where(_this_or_below & artifact.c.staged.is_not(None)))
_DELETE = Statement(delete(artifact).where(_this_or_below))
_FILES = Statement(
    select(*_columns).where(_between).order_by(artifact.c.path).limit(bindparam("most", type_=Integer()))
)

_inside = select(_FirstSegment(artifact.c.path).label("name"), *_columns).where(_between).subquery()
_LEVEL = Statement(
    select(
        func.min(_inside.c.path),
        cast(func.sum(_inside.c.size), BigInteger),
        func.max(_inside.c.sha256),
        func.max(_inside.c.content_type),
        func.max(_inside.c.update_us),
        _inside.c.name,
    )
    .where(_inside.c.name > bindparam("after", type_=Text()))
    .group_by(_inside.c.name)
    .order_by(_inside.c.name)
    .limit(bindparam("most", type_=Integer()))
)

_run_columns = (run.c.id, run.c.run_id, run.c.experiment_id, run.c.delete_us)
_PENDING = Statement(
    select(*_run_columns, artifact.c.path, artifact.c.staged)
    .join(run, run.c.id == artifact.c.run_id)
    .where(artifact.c.staged.is_not(None))
    .limit(bindparam("most", type_=Integer()))
)

_upload_columns = tuple(artifact_upload.c[name] for name in ("path", "size", "content_type", "staged", "update_us"))
_this_upload = (artifact_upload.c.run_id == bindparam("run", type_=BigInteger())) & (
    artifact_upload.c.upload_id == bindparam("upload")
)
_GET_UPLOAD = Statement(select(*_upload_columns).where(_this_upload))
_PUT_UPLOAD = Upsert(
    artifact_upload,
    ["run_id", "upload_id", "path", "size", "content_type", "staged", "update_us"],
    ["run_id", "upload_id"],
    update=["update_us"],
)
_DELETE_UPLOAD = Statement(delete(artifact_upload).where(_this_upload))
_STALE_UPLOADS = Statement(
    select(*_run_columns, artifact_upload.c.upload_id, *_upload_columns)
    .join(run, run.c.id == artifact_upload.c.run_id)
    .where(artifact_upload.c.update_us < bindparam("before_us"))
    .limit(bindparam("most", type_=Integer()))
)
_in_folder = (run.c.run_id == bindparam("run_id")) & (run.c.experiment_id == bindparam("experiment"))
_RECORDED = Statement(
    select(artifact.c.path).join(run, run.c.id == artifact.c.run_id).where(_in_folder, any_of(artifact.c.path, "paths"))
)
_RECORDED_STAGED = Statement(
    union_all(
        *(
            select(table.c.staged)
            .join(run, run.c.id == table.c.run_id)
            .where(_in_folder, any_of(table.c.staged, "staged_names"))
            for table in (artifact, artifact_upload)
        )
    )
)


class ArtifactRows:
    """See `storage.base.Artifacts`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def get(self, key: RunKey, path: str) -> StoredArtifact | None:
        rows = await self._connection.fetch(_GET, run=key.row, path_=path)
        return StoredArtifact(_file(rows[0]), rows[0][5] or "") if rows else None

    async def obstacle(self, key: RunKey, path: str) -> str | None:
        segments = path.split("/")
        above = ["/".join(segments[:depth]) for depth in range(1, len(segments))]
        if above:
            rows = await self._connection.fetch(_FILE_ABOVE, run=key.row, folders=self._connection.array(above))
            if rows:
                return str(rows[0][0])
        rows = await self._connection.fetch(_ANY_BELOW, run=key.row, **below(path))
        return path if rows else None

    async def put(self, key: RunKey, message: pb.Artifact, staged: str) -> None:
        await self._connection.execute(
            _PUT.on(self._connection),
            run_id=key.row,
            path=message.path,
            size=message.size,
            sha256=message.sha256,
            content_type=message.content_type,
            update_us=microseconds(message.update_time),
            staged=staged,
        )

    async def settle(self, key: RunKey, path: str, staged: str) -> None:
        await self._connection.execute(_SETTLE, run=key.row, path_=path, staged_=staged)

    async def withdraw(self, key: RunKey, path: str, staged: str) -> None:
        await self._connection.execute(_WITHDRAW, run=key.row, path_=path, staged_=staged)

    async def list_files(self, key: RunKey, folder: str, limit: int, after: str | None) -> Page[pb.Artifact]:
        limits = below(folder)
        if after is not None:
            limits["low"] = max(limits["low"], after)
        rows = await self._connection.fetch(_FILES, run=key.row, most=limit + 1, **limits)
        return Page([_file(row) for row in rows[:limit]], (rows[limit - 1][0],) if len(rows) > limit else None)

    async def list_level(self, key: RunKey, folder: str, limit: int, after: str | None) -> Page[pb.Artifact]:
        limits = below(folder)
        prefix = limits["low"]
        # Names behind `after` belong to paths behind it, though not the other way round.
        limits["low"] += after or ""
        values = {"run": key.row, "skip": len(prefix) + 1, "after": after or "", "most": limit + 1}
        rows = await self._connection.fetch(_LEVEL, **values, **limits)
        items = [_file(row) if row[0] == prefix + row[5] else _directory(prefix, row) for row in rows[:limit]]
        return Page(items, (rows[limit - 1][5],) if len(rows) > limit else None)

    async def delete(self, key: RunKey, path: str) -> tuple[int, list[str]]:
        values = {"run": key.row, "path_": path, **below(path)}
        staged = await self._connection.fetch(_STAGED, **values)
        return await self._connection.execute(_DELETE, **values), [row[0] for row in staged]

    async def pending(self, limit: int) -> Sequence[PendingArtifact]:
        rows = await self._connection.fetch(_PENDING, most=limit)
        return [PendingArtifact(_run_key(row), row[4], row[5]) for row in rows]

    async def get_upload(self, key: RunKey, upload_id: str) -> StoredUpload | None:
        rows = await self._connection.fetch(_GET_UPLOAD, run=key.row, upload=upload_id)
        return StoredUpload(key, upload_id, *rows[0]) if rows else None

    async def put_upload(self, upload: StoredUpload) -> None:
        await self._connection.execute(
            _PUT_UPLOAD.on(self._connection),
            run_id=upload.run.row,
            upload_id=upload.upload_id,
            path=upload.path,
            size=upload.size,
            content_type=upload.content_type,
            staged=upload.staged,
            update_us=upload.update_us,
        )

    async def delete_upload(self, key: RunKey, upload_id: str) -> None:
        await self._connection.execute(_DELETE_UPLOAD, run=key.row, upload=upload_id)

    async def stale_uploads(self, before_us: int, limit: int) -> Sequence[StoredUpload]:
        rows = await self._connection.fetch(_STALE_UPLOADS, before_us=before_us, most=limit)
        return [StoredUpload(_run_key(row), *row[4:]) for row in rows]

    async def recorded(
        self, experiment_id: int, run_id: str, paths: Collection[str], staged: Collection[str]
    ) -> tuple[set[str], set[str]]:
        where = {"run_id": run_id, "experiment": experiment_id}
        array = self._connection.array
        files = await self._connection.fetch(_RECORDED, paths=array(list(paths)), **where) if paths else []
        names = (
            await self._connection.fetch(_RECORDED_STAGED, staged_names=array(list(staged)), **where) if staged else []
        )
        return {row[0] for row in files}, {row[0] for row in names}


def below(folder: str) -> dict[str, str]:
    """What all paths below a directory lie between; `0` is the character after `/`."""
    return {"low": f"{folder}/", "high": f"{folder}0"} if folder else {"low": "", "high": _BEHIND_ALL}


def _file(row: Row) -> pb.Artifact:
    return pb.Artifact(path=row[0], size=row[1], sha256=row[2], content_type=row[3], update_time=timestamp(row[4]))


def _directory(prefix: str, row: Row) -> pb.Artifact:
    return pb.Artifact(path=prefix + row[5], directory=True, size=row[1], update_time=timestamp(row[4]))


def _run_key(row: Row) -> RunKey:
    return RunKey(row[0], row[1], row[2], deleted=row[3] is not None)
