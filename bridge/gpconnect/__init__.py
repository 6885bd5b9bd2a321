"""The GP Connect client: one module per capability, and its error dialects as one error tree."""
