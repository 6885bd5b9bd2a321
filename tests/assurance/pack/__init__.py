"""The parts of the assurance pack that need this source tree, and a run of its tests."""
