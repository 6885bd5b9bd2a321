"""The AsyncAPI document is one by the official schema, and names what this installation does."""

import json
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator, validators

from bridge.operations.asyncapi import asyncapi_document, message_schemas
from bridge.pipelines.installed import installed_pipelines
from tests.support.json_schemas import references
from tests.support.requests import cloud_event, record_request

OFFICIAL = json.loads((Path(__file__).parent / "asyncapi-3.0.0.json").read_text())
PIPELINES = installed_pipelines(["structured_record"])
PUBLISHED = {
    "medications.published.v1",
    "allergies.published.v1",
    "consultations.published.v1",
    "immunisations.published.v1",
    "observations.published.v1",
    "referrals.published.v1",
    "diary_entries.published.v1",
    "problems.published.v1",
    "documents.published.v1",
    "investigations.published.v1",
    "record.completed.v1",
    "request.failed.v1",
    "request.rejected.v1",
}
PUBLISHED.add("record.rendered.r4.v1")
ENCODED = {
    "allergies.rendered.hl7v2.v1",
    "medications.rendered.hl7v2.v1",
    "immunisations.rendered.hl7v2.v1",
}
PUBLISHED |= {kind.replace(".published.", ".changed.") for kind in PUBLISHED if ".published." in kind}


@pytest.fixture(scope="module")
def document():
    # As whoever reads it gets it: as JSON.
    return json.loads(json.dumps(asyncapi_document(PIPELINES, prefix="gp", type_prefix="org.site")))


def faults(document):
    validator = validators.validator_for(OFFICIAL)
    validator.check_schema(OFFICIAL)
    return [f"{error.json_path}: {error.message}" for error in validator(OFFICIAL).iter_errors(document)]


def resolve(document, reference):
    assert reference.startswith("#/"), reference
    found = document
    for part in reference.removeprefix("#/").split("/"):
        found = found[part.replace("~1", "/").replace("~0", "~")]
    return found


def test_it_keeps_the_official_schema(document):
    assert faults(document) == []


@pytest.mark.parametrize(
    "breaks",
    [
        {"asyncapi": "3"},
        {"info": {"title": "no version"}},
        {"operations": {"one": {"action": "publish", "channel": {"$ref": "#/channels/one"}}}},
        {"surprise": True},
    ],
)
def test_the_official_schema_would_notice(document, breaks):
    assert faults(document | breaks) != []


def test_every_reference_leads_somewhere(document):
    found = list(references(document))
    assert found
    for reference in found:
        assert isinstance(resolve(document, reference), dict), reference


def test_the_schemas_in_it_are_json_schema_2020_12(document):
    for name, schema in document["components"]["schemas"].items():
        Draft202012Validator.check_schema(schema)
        assert schema.get("type") or schema.get("enum") or schema.get("anyOf"), name


def test_every_topic_is_sent_to_and_every_queue_received_from(document):
    operations = document["operations"].values()
    channels = {
        action: {
            resolve(document, operation["channel"]["$ref"])["address"]
            for operation in operations
            if operation["action"] == action
        }
        for action in ("receive", "send")
    }
    assert channels == {"receive": {"record.requested.v1"}, "send": PUBLISHED | ENCODED}
    for operation in operations:
        (message,) = operation["messages"]
        # The official rule: a message of an operation is one of its channel's.
        assert message["$ref"].startswith(f"{operation['channel']['$ref']}/messages/")


def test_names_are_those_of_the_site(document):
    request = document["channels"]["record.requested.v1"]
    assert request["bindings"]["amqp"]["exchange"]["name"] == "gp.requests"
    assert "gp.structured_record" in request["description"]
    for kind in PUBLISHED:
        assert document["channels"][kind]["bindings"]["amqp"]["exchange"]["name"] == "gp.events"
        assert f"org.site.{kind}" in document["components"]["messages"][kind]["summary"]


@pytest.mark.parametrize("kind", sorted(ENCODED))
def test_what_is_no_json_is_in_base64(document, kind):
    payload = document["components"]["messages"][kind]["payload"]
    validator = Draft202012Validator({"$ref": f"#/components/messages/{kind}/payload", **document})
    event = {"specversion": "1.0", "id": "1", "source": "/b", "type": f"org.site.{kind}"}
    assert payload["properties"]["data_base64"]["contentMediaType"] == "x-application/hl7-v2+er7"
    assert validator.is_valid(event | {"data_base64": "TVNI"})
    assert not validator.is_valid(event)


def test_its_payloads_say_what_the_schemas_of_their_own_say(document):
    separate = message_schemas(PIPELINES)
    for kind in {*PUBLISHED, "record.requested.v1"}:
        inside = document["components"]["schemas"][kind]
        for part in ("required", "additionalProperties", "description"):
            assert inside.get(part) == separate[kind].get(part), f"{kind} {part}"
        assert set(inside["properties"]) == set(separate[kind]["properties"])


def spelled_out(schema, root, within=()):
    """A schema with what it refers to in the place of each reference; None where a type holds itself."""
    if isinstance(schema, list):
        return [spelled_out(each, root, within) for each in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        found = resolve(root, schema["$ref"])
        if any(found is one for one in within):
            return None
        return spelled_out(
            found | {name: schema[name] for name in schema if name != "$ref"}, root, (*within, found)
        )
    return {
        name: spelled_out(each, root, within)
        for name, each in schema.items()
        if name not in ("$schema", "$id", "$defs")
    }


def test_two_types_of_one_name_are_told_apart():
    # What is booked and what was found: the request's offer is held to rules that the event's is not.
    every = installed_pipelines()
    document = json.loads(json.dumps(asyncapi_document(every, prefix="gp", type_prefix="org.site")))
    separate, components = message_schemas(every), document["components"]["schemas"]
    for kind in separate.keys() & document["channels"].keys():
        inside, alone = components[kind], separate[kind]
        assert spelled_out(inside, document) == spelled_out(alone, alone), kind


def test_a_whole_message_is_checked_by_its_payload(document):
    payload = "#/components/messages/record.requested.v1/payload"
    validator = Draft202012Validator({"$ref": payload, **document})
    assert validator.is_valid(cloud_event(record_request()))
    assert not validator.is_valid(cloud_event(record_request(purpose="research")))
    assert not validator.is_valid(cloud_event(record_request(), specversion="0.3"))
    assert not validator.is_valid(dict.fromkeys(("specversion", "id", "source", "type"), "x"))
