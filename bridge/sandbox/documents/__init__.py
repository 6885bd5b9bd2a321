"""Documents of a practice, as Access Document 1.6.2 gives them out (documents.md)."""
