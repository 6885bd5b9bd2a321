"""The areas of a structured record, as a practice answers for them: a module each.

A module says what may be asked (structured.md §1.2), since when (§1.7), which list comes of it (§2.3) and
what of the record that is. It judges by the specification alone, and knows nothing of how areas are mapped.
"""
