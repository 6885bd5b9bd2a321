"""The local data models: `GpRecord`, medication courses, allergies. Types only, no I/O."""
