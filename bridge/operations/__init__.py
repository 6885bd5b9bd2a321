"""What an operator does: the same for the command line and for any other face.

Each operation is a function over what `bridge.operations.site` opens, and returns what it found or did as
data. Options, words for a reader, files, and exit codes are the caller's.
"""
