"""HL7 v2 with the hospital's interface engine: rendered messages go out, ADT messages ask for records."""
