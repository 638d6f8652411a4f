"""Alembic's entry: runs the revisions on the connection that `serving.database` hands over, inside its transaction."""

from alembic import context

context.configure(connection=context.config.attributes["connection"], version_table=context.config.attributes["version_table"])
context.run_migrations()
