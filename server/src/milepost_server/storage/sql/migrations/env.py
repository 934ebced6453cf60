"""Run by alembic for each command: `storage.sql.migrate` passes the connection, which is in a transaction."""

from alembic import context

from milepost_server.storage.sql.model_schema import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata, render_as_batch=True)
context.run_migrations()
