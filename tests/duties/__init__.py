"""The consumer duties of GP Connect, who meets each, and which tests prove it (``make duties``)."""
