"""What changed of a record since it was told last: an event for each area that is not as it was.

`compare` holds an answer against what is kept of the answers before it, which is little: of each item a hash
and a few marks. So nothing here knows what an item says; what an area is, and when an item of it is over,
`bridge.areas` knows.
"""
