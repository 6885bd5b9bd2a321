"""The forms in which events are published: each is made of the event alone, and does no I/O."""
