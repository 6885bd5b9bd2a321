"""What runs a pipeline: a delivery in, a validated request to its handler, an outcome and events out."""
