"""Requests as a hospital system would write them."""

import copy
from typing import Any
from uuid import uuid4

PATIENT = "9990000018"


def record_request(nhs_number: str = PATIENT, **changes: Any) -> dict[str, Any]:
    """The data of a valid ``record.requested.v1``; `changes` replace top-level fields."""
    return copy.deepcopy(
        {
            "patient": {"nhs_number": nhs_number},
            "areas": {"medications": {}, "allergies": {}},
            "requested_by": {
                "user_id": "u-481",
                "family_name": "Patel",
                "given_names": ["Asha"],
                "prefix": "Dr",
                "role": "Hospital pharmacist",
                "sds_user_id": "555021935107",
                "sds_role_profile_id": "555254242106",
                "organisation": {"ods_code": "RZZ01", "name": "Sandbox General Hospital"},
            },
            "purpose": "direct_care",
        }
        | changes
    )


def cloud_event(data: dict[str, Any], **attributes: Any) -> dict[str, Any]:
    """`data` in a structured CloudEvents envelope."""
    return {
        "specversion": "1.0",
        "id": str(uuid4()),
        "source": "/epr/test",
        "type": "uk.nhs.gpconnect.record.requested.v1",
        "datacontenttype": "application/json",
        "data": data,
    } | attributes
