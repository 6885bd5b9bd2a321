"""The events of an answer always go out, its further forms before the last of them, or the reason why not."""

import json
from dataclasses import replace

import pytest
from structlog.testing import capture_logs

from bridge.areas.events import RECORD_COMPLETED
from bridge.bus.port import Dead, Delivery, Done
from bridge.contracts.envelope import EventStyle
from bridge.contracts.events import Event, request_failed, request_rejected
from bridge.engine.incoming import read_incoming
from bridge.engine.outcomes import EngineFault
from bridge.engine.patient_keys import PatientKeys
from bridge.engine.rendering import Renderer
from bridge.engine.worker import check
from bridge.errors import FailureCode, Misconfigured, Refused, RequestRejected
from bridge.pipelines.installed import installed_pipelines
from bridge.renderings.rendering import (
    Lost,
    Rendered,
    RenderingOptions,
    RenderingSpec,
    ToldBefore,
    WholeAnswer,
    Withheld,
)
from bridge.renderings.table import RENDERINGS
from bridge.settings import Settings
from tests.support.requests import cloud_event, record_request

(PIPELINE,) = installed_pipelines(["structured_record"])
STYLE = EventStyle("uk.nhs.gpconnect", "/bridge")
FAILED = request_failed(Refused(FailureCode.INTERNAL, stage="engine"), attempts=1)
REJECTED = request_rejected(RequestRejected("data.areas", "must name one"))
PART = Event("medications.published.v1", {"items": []}, snapshot_id="s-1")
COMPLETED = Event(RECORD_COMPLETED, {"parts": []}, snapshot_id="s-1")
WORDS = "failures.in_words.v1"


def form(name, render, *, reads=(PART.kind,), topics=(WORDS,)) -> RenderingSpec:
    return RenderingSpec(
        name=name,
        reads=frozenset(reads),
        topics=dict.fromkeys(topics, "text/plain"),
        losses=(),
        render=render,
    )


def in_words(answer: WholeAnswer, _options: RenderingOptions):
    return [Rendered(WORDS, answer.id_on(WORDS), "text/plain", answer.events[0].kind.encode())]


def guarded(_answer: WholeAnswer, _options: RenderingOptions):
    return [Withheld(WORDS, "field_too_long", "name: over 20")]


def raises(answer: WholeAnswer, _options: RenderingOptions):
    raise KeyError(answer.last.data)


def clashes(answer: WholeAnswer, _options: RenderingOptions):
    return [Rendered(WORDS, answer.events[0].id_on(PART.kind), "text/plain", b"")]


def elsewhere(answer: WholeAnswer, _options: RenderingOptions):
    return [Rendered("other.v1", answer.id_on("other.v1"), "text/plain", b"")]


FORMS = {
    "words": form("words", in_words),
    "guarded": form("guarded", guarded),
    "raises": form("raises", raises),
    "clashes": form("clashes", clashes),
    "elsewhere": form("elsewhere", elsewhere),
}


def incoming_of(**data: object):
    body = json.dumps(cloud_event(record_request() | data)).encode()
    return read_incoming(
        Delivery(body, id="m-1", key="record.requested.v1"), pipeline=PIPELINE, keys=PatientKeys("k")
    )


@pytest.fixture
def incoming():
    return incoming_of()


def told(renderer: Renderer, incoming, events=(PART, COMPLETED)):
    """Topics in order, and what the manifest says of the forms."""
    messages = [message.stored for message in renderer.render(incoming, events).messages]
    assert len({message.id for message in messages}) == len(messages)
    return [message.topic for message in messages], json.loads(messages[-1].body)["data"].get("renderings")


def test_a_form_stands_before_the_event_that_closes_the_answer_and_is_named_in_it(incoming):
    topics, named = told(Renderer(STYLE, FORMS, ["words"]), incoming)
    assert topics == [PART.kind, WORDS, COMPLETED.kind]
    assert named == [
        {
            "rendering": "words",
            "outcome": "rendered",
            "topic": WORDS,
            "event_id": Renderer(STYLE, FORMS, ["words"])
            .render(incoming, [PART, COMPLETED])
            .messages[1]
            .stored.id,
        }
    ]
    # The events are numbered among themselves, so a reader of them waits for no form.
    bodies = [
        message.rendered.body
        for message in Renderer(STYLE, FORMS).render(incoming, [PART, COMPLETED]).messages
    ]
    assert [json.loads(body)["sequence"] for body in bodies] == ["1/2", "2/2"]
    assert "sequence" not in WholeAnswer([incoming.outgoing(STYLE, PART, sequence="1/2")]).attributes(
        WORDS, media_type="text/plain"
    )


def test_without_any_the_manifest_says_nothing_of_forms_and_one_that_reads_none_of_it_is_not_called(incoming):
    assert told(Renderer(STYLE, FORMS), incoming) == ([PART.kind, COMPLETED.kind], None)
    assert told(Renderer(STYLE, FORMS, ["raises"]), incoming, [COMPLETED]) == ([COMPLETED.kind], None)
    assert Renderer(STYLE, FORMS, ["raises"]).render(incoming, []).messages == []


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("guarded", {"topic": WORDS, "reason": "field_too_long", "detail": "name: over 20"}),
        ("raises", {"reason": "internal_error", "detail": "KeyError"}),
        ("clashes", {"reason": "internal_error", "detail": "RuntimeError"}),
        ("elsewhere", {"reason": "internal_error", "detail": "RuntimeError"}),
    ],
)
def test_a_form_that_cannot_tell_costs_itself_alone_and_the_manifest_says_why(incoming, name, reason):
    with capture_logs() as lines:
        topics, named = told(Renderer(STYLE, FORMS, [name, "words"]), incoming)
    assert topics == [PART.kind, WORDS, COMPLETED.kind]
    assert {"rendering": name, "outcome": "withheld", **reason} in named
    (line,) = lines
    assert line["event"] == ("rendering_withheld" if name == "guarded" else "rendering_failed")
    assert line["rendering"] == name


def test_one_that_no_broker_would_take_is_withheld_and_the_events_go_out(incoming):
    renderer = Renderer(STYLE, FORMS, ["words"], largest=10)
    topics, named = told(renderer, incoming)
    assert topics == [PART.kind, COMPLETED.kind]
    assert [(each["outcome"], each["reason"], each["topic"]) for each in named] == [
        ("withheld", "too_large", WORDS)
    ]


def about(allergies: int, problems: int, *, size: int = 1, at: str = "09") -> list[Event]:
    """An answer about two areas, each of one item, of some content and size."""

    def area(name: str, **item: object) -> Event:
        block = {"area": name, "outcome": "items", "complete": True, "warnings": []}
        data = {
            "snapshot_id": f"s-{at}",
            "retrieved_at": f"2026-11-22T{at}:00:00Z",
            "holder_ods": "A99999",
            "demographics": {"verdict": "accept"},
            "area": block,
            "unmapped": [],
            "items": [{"item_id": name, "clinical_status": "active", **item}],
        }
        return Event(f"{name}.published.v1", data, snapshot_id=f"s-{at}")

    return [area("allergies", n=allergies), area("problems", n=problems, words="x" * size), COMPLETED]


def test_of_changes_all_are_told_or_none(incoming):
    """Were one told and the base not moved, the way back would be "unchanged": its readers hold the new one."""
    renderer = Renderer(STYLE, RENDERINGS, ["changes"], largest=4000)
    base = renderer.render(incoming, about(1, 1)).base
    with capture_logs():
        answer = renderer.render(incoming, about(2, 2, size=4000, at="10"), ToldBefore(base))
    *parts, last = [message.rendered for message in answer.messages]
    manifest = json.loads(last.body)["data"]
    assert [each.topic for each in parts] == ["allergies.published.v1", "problems.published.v1"]
    assert "changed" not in manifest
    assert [(each["outcome"], each["reason"]) for each in manifest["compared"]] == [
        ("not_compared", "too_large"),
        ("not_compared", "too_large"),
    ]
    assert [(each["outcome"], each["reason"], each["topic"]) for each in manifest["renderings"]] == [
        ("withheld", "too_large", "allergies.changed.v1"),
        ("withheld", "too_large", "problems.changed.v1"),
    ]
    assert answer.base is None
    back = renderer.render(incoming, about(1, 1, at="11"), ToldBefore(base))
    assert json.loads(back.messages[-1].rendered.body)["data"]["changed"] is False


def test_an_answer_that_cannot_be_written_is_none(incoming):
    with pytest.raises(EngineFault, match="internal TypeError"), capture_logs() as lines:
        Renderer(STYLE, FORMS).render(incoming, [replace(PART, data={"items": object()}), COMPLETED])
    (line,) = lines
    assert (line["event"], line["rendering"]) == ("rendering_failed", "events")


def test_what_a_request_asks_for_is_rendered_beside_what_the_site_has_switched_on():
    forms = {"r4": form("r4", in_words), "words": form("words", guarded, topics=["words.v1", WORDS])}
    asked, silent = incoming_of(renderings=["r4"]), incoming_of()
    assert told(Renderer(STYLE, forms), asked)[0] == [PART.kind, WORDS, COMPLETED.kind]
    assert [each["rendering"] for each in told(Renderer(STYLE, forms, ["words"]), asked)[1]] == [
        "r4",
        "words",
    ]
    assert told(Renderer(STYLE, forms), silent)[0] == [PART.kind, COMPLETED.kind]
    unknown = incoming_of(renderings=["fax"])
    assert unknown.rejection is not None
    ((place, rule),) = unknown.rejection.faults
    assert (place, "'r4'" in rule, "fax" in rule) == ("data.renderings.0", True, False)


def test_what_ends_a_request_says_that_it_is_the_only_event(incoming):
    (message,), _ = Renderer(STYLE, FORMS).closing(incoming, FAILED, Done())
    assert json.loads(message.body)["sequence"] == "1/1"


def test_what_ends_a_request_is_told_in_every_form_that_can_tell_it(incoming):
    forms = {
        "raises": form("raises", raises, reads=[FAILED.kind, REJECTED.kind]),
        "words": form("words", in_words, reads=[FAILED.kind]),
    }
    renderer = Renderer(STYLE, forms, ["raises", "words"])
    messages, disposition = renderer.closing(incoming, FAILED, Done())
    assert [message.topic for message in messages] == [WORDS, "request.failed.v1"]
    assert disposition == Dead("internal", "rendering: KeyError")
    # A dead letter says why it is one already.
    assert renderer.closing(incoming, REJECTED, Dead("rejected", "x"))[1] == Dead("rejected", "x")
    unwritten = replace(FAILED, data={"code": object()})
    assert Renderer(STYLE, {}).closing(incoming, unwritten, Done()) == (
        [],
        Dead("internal", "rendering: TypeError"),
    )


@pytest.mark.parametrize(
    ("path", "covered"),
    [
        ("medications.items.plan.inherited", True),
        ("medications.items.plan", True),
        ("medications.items.plan.inherited.0", False),
        ("items.plan.inherited", False),
        ("**.plan.inherited", True),
        ("**.inherited", True),
        ("**.plan.status", False),
        ("allergies.items.plan.inherited", False),
    ],
)
def test_a_loss_names_a_field_and_all_below_it(path, covered):
    assert Lost(path, "why").covers(["medications", "items", "plan", "inherited"]) is covered


def test_a_form_that_there_is_not_keeps_a_worker_from_starting():
    settings = Settings(sandbox=True, renderings=("r4", "fax"))
    with pytest.raises(Misconfigured) as fault:
        check(settings)
    (told_of,) = [each for each in fault.value.problems if each.startswith("BRIDGE_RENDERINGS: ")]
    assert "r4" in told_of
    assert "fax" not in told_of
