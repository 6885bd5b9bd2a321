"""Documents: what is known about each; the document itself is fetched on its own."""
