"""The engine: GP Connect, Spine, FHIR and the safe use of a bus. It knows no pipeline."""
