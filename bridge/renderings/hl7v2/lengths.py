"""How long fields may be in HL7 v2.4: each repetition, with its delimiters and escape sequences."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from bridge.hl7v2 import escape

LENGTHS: Final[Mapping[str, int]] = MappingProxyType(
    {
        "MSH-3": 180,
        "MSH-4": 180,
        "MSH-5": 180,
        "MSH-6": 180,
        "PID-3": 250,
        "PV1-19": 250,
        "OBR-3": 22,
        "OBR-4": 250,
        "OBX-3": 250,
        "OBX-4": 20,
        "OBX-5": 65536,
        "AL1-1": 250,
        "AL1-2": 250,
        "AL1-3": 250,
        "AL1-4": 250,
        "AL1-5": 15,
        "AL1-6": 8,
        "IAM-1": 4,
        "IAM-2": 250,
        "IAM-3": 250,
        "IAM-4": 250,
        "IAM-5": 15,
        "IAM-6": 250,
        "IAM-7": 80,
        "IAM-9": 250,
        "IAM-11": 8,
        "IAM-13": 26,
        "IAM-14": 60,
        "RXA-2": 4,
        "RXA-3": 26,
        "RXA-5": 250,
        "RXA-6": 20,
        "RXA-7": 250,
        "RXA-15": 20,
        "RXA-16": 26,
        "RXA-17": 250,
        "RXR-1": 250,
        "RXR-2": 250,
    }
)
"""A message with a field over its length is withheld: nothing is cut."""


def fitting(place: str, text: str) -> str:
    """Text that has room in a field, else none of it: for fields whose OBX says the same in full."""
    return text if len(escape(text)) <= LENGTHS[place] else ""
