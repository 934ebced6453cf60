"""The schema's history: one forward-only chain of alembic revisions for all databases."""
