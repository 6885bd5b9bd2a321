"""The HTTP endpoints of a worker: health, and the data of large events."""
