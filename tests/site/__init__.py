"""The documentation site: the pages of the repository, and those made from the code, for a browser without a network."""
