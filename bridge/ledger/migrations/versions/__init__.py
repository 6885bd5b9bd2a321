"""One file per version; Alembic finds them by folder."""
