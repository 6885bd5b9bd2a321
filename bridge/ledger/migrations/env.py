"""What Alembic runs for each command: the migrations, in the transaction it is handed."""

from alembic import context

from bridge.ledger.storage.metadata import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    version_table=context.config.attributes["version_table"],
    transactional_ddl=True,  # on SQLite as well: a migration that fails leaves nothing behind
)
context.run_migrations()
