"""A clinical area as somebody would add it, in a folder of its own."""
