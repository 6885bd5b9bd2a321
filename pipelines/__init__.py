"""What runs: one file is one queue in, one story, topics out."""
