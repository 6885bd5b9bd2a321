"""Problems, read so far only for what they name: the reason for an item of another area."""
