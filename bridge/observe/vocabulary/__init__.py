"""Everything that may happen, as typed events: the vocabulary of logs, and of whatever else will listen.

One module per subject. The table of all events stands in ``bridge/observe/README.md``, written from here.
"""
