"""Offers are known again as they were given out, for the patient they were given out for, in their time."""

from datetime import UTC, datetime, timedelta

import pytest

from bridge.contracts.appointments import Offer
from bridge.engine.patient_keys import PatientKeys
from bridge.gpconnect.offers import Offers

SITE_KEY = "a site key for tests"
NOW = datetime(2027, 1, 10, 12, 0, 30, tzinfo=UTC)
PATIENT, OTHER = PatientKeys(SITE_KEY).of("9990000018"), PatientKeys(SITE_KEY).of("9990000026")
GIVEN = {
    "practice_ods_code": "A99001",
    "slot_id": "slot-1",
    "schedule_id": "schedule-1",
    "location_id": "location-1",
    "practitioner_id": "practitioner-1",
    "start": "2027-07-12T09:00:00+01:00",
    "end": "2027-07-12T09:10:00+01:00",
    "delivery_channel": "In-person",
    "service_type": "Routine appointment",
    "organisation_type": "gp-practice",
}


def offers(key=SITE_KEY, **more):
    return Offers(key, valid_for=timedelta(hours=24), **more)


def signed(**changes):
    given = GIVEN | changes
    offers().sign([given], patient_key=PATIENT, found_at=NOW)
    return given


def objection(given, *, patient_key=PATIENT, now=NOW, by=None):
    return (by or offers()).objection(Offer.model_validate(given), patient_key=patient_key, now=now)


def test_an_offer_comes_back_as_it_was_given_out():
    given = signed()
    assert given["expires_at"] == "2027-01-11T12:00:30Z"
    assert objection(given) is None
    assert objection(given, by=offers(SITE_KEY)) is None
    bare = {name: given[name] for name in given if name not in ("practitioner_id", "organisation_type")}
    assert objection(bare) == "offer_invalid"


def test_an_offer_of_few_words_comes_back_too():
    given = {name: GIVEN[name] for name in ("practice_ods_code", "slot_id", "schedule_id", "location_id")}
    given |= {"start": GIVEN["start"], "end": GIVEN["end"]}
    offers().sign([given], patient_key=PATIENT, found_at=NOW)
    assert objection(given) is None


def test_times_may_be_written_with_another_offset():
    given = signed() | {"start": "2027-07-12T08:00:00Z", "expires_at": "2027-01-11T13:00:30+01:00"}
    assert objection(given) is None


@pytest.mark.parametrize(
    "changes",
    [
        {"practice_ods_code": "A99002"},
        {"slot_id": "slot-2"},
        {"schedule_id": "schedule-2"},
        {"location_id": "location-2"},
        {"practitioner_id": "practitioner-2"},
        {"practitioner_id": None},
        {"start": "2027-07-12T09:00:00Z"},
        {"end": "2027-07-12T09:20:00+01:00"},
        {"delivery_channel": "Telephone"},
        {"delivery_channel": "Routine appointment", "service_type": "In-person"},
        {"service_type": None},
        {"organisation_type": "urgent-care"},
        {"expires_at": "2027-01-12T12:00:30Z"},
        {"expires_at": None},
        {"signature": "AAAAAAAAAAAAAAAAAAAAAA"},
        {"signature": "\N{LATIN SMALL LETTER E WITH ACUTE}"},
        {"signature": None},
        {"signature": None, "expires_at": None},
    ],
)
def test_an_altered_offer_is_not_known_again(changes):
    assert objection(signed() | changes) == "offer_invalid"


def test_an_offer_is_for_one_patient_and_of_one_installation():
    assert objection(signed(), patient_key=OTHER) == "offer_invalid"
    assert objection(signed(), by=offers("another site key")) == "offer_invalid"


def test_an_offer_has_its_time():
    given = signed()
    assert objection(given, now=NOW + timedelta(hours=24, seconds=-1)) is None
    assert objection(given, now=NOW + timedelta(hours=24)) == "offer_expired"
    assert objection(given | {"slot_id": "x"}, now=NOW + timedelta(days=2)) == "offer_invalid"


def test_offers_without_a_signature_are_taken_until_a_moment_that_the_operator_sets():
    upgrading = offers(unsigned_until=NOW + timedelta(hours=1))
    assert objection(GIVEN, by=upgrading) is None
    assert objection(GIVEN, by=upgrading, now=NOW + timedelta(hours=1)) == "offer_invalid"
    forged = GIVEN | {"expires_at": "2028-01-01T00:00:00Z", "signature": "AAAAAAAAAAAAAAAAAAAAAA"}
    assert objection(forged, by=upgrading) == "offer_invalid"
    assert objection(signed() | {"expires_at": None}, by=upgrading) == "offer_invalid"
    assert objection(signed(), by=upgrading, patient_key=OTHER) == "offer_invalid"
