"""What a clinical safety officer is shown: the hazard log, each of its controls held to tests that there are."""
