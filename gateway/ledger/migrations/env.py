"""Alembic runs this: the migrations go over the connection that `schema.upgrade` opened."""

from alembic import context

context.configure(connection=context.config.attributes["connection"])
context.run_migrations()
