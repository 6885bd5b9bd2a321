"""Who may open and do what, over HTTP; and what no page, however asked for, gives away or lets anybody do."""

import csv
import io
import re
import time
from collections.abc import Mapping
from hashlib import sha256

import httpx
import pytest

from bridge.console.pages import PAGES
from bridge.console.rights import Role
from bridge.console.sign_in.users import put_user, remove_user
from bridge.contracts.envelope import STRUCTURED
from bridge.record.nhs_number import holds_nhs_number
from bridge.sandbox import BY_NAME
from bridge.sandbox.world import PRACTICES
from tests.support.console import FAMILY_NAME, PASSWORD, PATIENT, ConsoleSite, lose_replay, sign_in, token

EVERYBODY = "vera clara olga axel"
TABLE: Mapping[tuple[str, str], str] = {
    ("GET", "/"): EVERYBODY,
    ("GET", "/requests"): EVERYBODY,
    ("POST", "/requests"): EVERYBODY,
    ("POST", "/requests/patient"): EVERYBODY,
    ("GET", "/request"): EVERYBODY,
    ("POST", "/request/events"): "clara",
    ("POST", "/request/answer"): "clara",
    ("GET", "/failures"): EVERYBODY,
    ("GET", "/replays"): EVERYBODY,
    ("GET", "/replays/job"): EVERYBODY,
    ("POST", "/replays/plan"): "olga",
    ("POST", "/replays/confirm"): "olga",
    ("POST", "/replays/run"): "olga",
    ("POST", "/replays/pause"): "olga",
    ("POST", "/replays/stop"): "olga",
    ("POST", "/replays/lost"): "olga",
    ("GET", "/dead-letters"): EVERYBODY,
    ("GET", "/dead-letters/job"): EVERYBODY,
    ("GET", "/dead-letters/letter"): EVERYBODY,
    ("POST", "/dead-letters/body"): "clara",
    ("POST", "/dead-letters/plan"): "olga",
    ("POST", "/dead-letters/confirm"): "olga",
    ("POST", "/dead-letters/run"): "olga",
    ("POST", "/dead-letters/pause"): "olga",
    ("POST", "/dead-letters/stop"): "olga",
    ("GET", "/in-doubt"): EVERYBODY,
    ("POST", "/in-doubt/check"): "olga",
    ("POST", "/in-doubt/close"): "olga",
    ("GET", "/practices"): EVERYBODY,
    ("GET", "/practice"): EVERYBODY,
    ("POST", "/practice/ask"): "olga",
    ("GET", "/quality"): EVERYBODY,
    ("GET", "/audit"): "axel",
    ("GET", "/system"): "olga axel",
    ("POST", "/system/retries/stop"): "olga",
    ("POST", "/system/retries/allow"): "olga",
}
PRACTICE = PRACTICES[0]
METADATA = [path for (method, path), _ in TABLE.items() if method == "GET"]
HEADERS = {
    "cache-control": "no-store",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
}


@pytest.fixture(scope="module")
def clients(site: ConsoleSite):
    made = {name: site.client(name) for name in ("vera", "clara", "olga", "axel", "alma")}
    yield made
    for client in made.values():
        client.close()


def test_the_table_has_every_page():
    assert {(page.method, page.path) for page in PAGES} == TABLE.keys()


@pytest.mark.parametrize("who", EVERYBODY.split())
def test_whoever_may_not_is_refused_and_whoever_may_is_not(clients: Mapping[str, httpx.Client], who: str):
    client = clients[who]
    sent = {"token": token(client)}
    for (method, path), allowed in TABLE.items():
        answer = client.request(method, path, data=sent if method == "POST" else None)
        assert (answer.status_code == 403) == (who not in allowed.split()), (method, path, answer.status_code)
        assert answer.status_code < 500, (method, path)


def test_nobody_who_is_not_signed_in_gets_anything(site: ConsoleSite):
    with site.client() as stranger:
        for method, path in TABLE:
            answer = stranger.request(method, path, data={} if method == "POST" else None)
            assert (answer.status_code, answer.headers["location"], answer.content) == (303, "/sign-in", b"")


def test_every_answer_has_the_headers_that_keep_it_where_it_is(
    clients: Mapping[str, httpx.Client], site: ConsoleSite
):
    with site.client() as stranger:
        answers = [stranger.get("/sign-in"), stranger.get("/nowhere"), stranger.get("/console.css")]
    answers += [clients["alma"].get(path) for path in METADATA]
    for answer in answers:
        assert HEADERS.items() <= dict(answer.headers).items(), answer.url
        policy = answer.headers["content-security-policy"]
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert "<script" not in answer.text
        assert not re.search(r"\sstyle=|\son\w+=", answer.text)


def test_a_form_without_the_token_of_its_session_does_nothing(clients: Mapping[str, httpx.Client]):
    olga, alma = clients["olga"], clients["alma"]
    for sent in ({"reason": "x"}, {"token": ""}, {"token": token(alma)}):
        for (method, path), allowed in TABLE.items():
            if method == "POST" and "olga" in allowed:
                assert olga.post(path, data=sent).status_code == 403
    assert "as usual" in olga.get("/system").text


def test_a_session_is_new_at_sign_in_and_over_at_sign_out(site: ConsoleSite):
    with site.client() as client:
        client.cookies.set("bridge_session", "chosen.by-somebody", domain="127.0.0.1")
        assert sign_in(client, "vera").status_code == 303
        first = client.cookies["bridge_session"]
        assert first != "chosen.by-somebody"
        assert client.get("/").status_code == 200
        client.post("/sign-out", data={"token": token(client)})
        client.cookies.set("bridge_session", first, domain="127.0.0.1")
        assert client.get("/").headers["location"] == "/sign-in"


def test_the_cookie_of_a_session_is_for_no_script_and_no_other_site(site: ConsoleSite):
    with site.client() as client:
        cookies = sign_in(client, "vera").headers.get_list("set-cookie")
    (session,) = (each for each in cookies if each.startswith("bridge_session="))
    assert "HttpOnly" in session
    assert "SameSite=lax" in session
    assert "vera" not in session


def test_a_host_that_is_not_ours_is_not_answered(site: ConsoleSite):
    with site.client() as client:
        for host in ("evil.example", "127.0.0.1", "localhost:1"):
            assert client.get("/sign-in", headers={"host": host}).status_code == 421


def test_more_than_a_form_holds_is_not_read(clients: Mapping[str, httpx.Client]):
    alma = clients["alma"]
    large = b"token=" + b"a" * 70_000
    form = {"content-type": "application/x-www-form-urlencoded"}
    assert alma.post("/requests", content=large, headers=form).status_code == 413
    assert (
        alma.post(
            "/requests", content=(large[i : i + 7000] for i in range(0, 70_000, 7000)), headers=form
        ).status_code
        == 413
    )
    assert (
        alma.post("/requests", content=b"{}", headers={"content-type": "application/json"}).status_code == 415
    )


def test_names_and_passwords_cannot_be_tried_without_end(site: ConsoleSite):
    with site.client() as client:
        codes = [sign_in(client, "nobody", "wrong password").status_code for _ in range(6)]
        assert codes == [401] * 5 + [429]
        assert sign_in(client, "vera").status_code == 303


def test_a_body_is_opened_with_a_reason_that_is_in_the_trail_first(
    clients: Mapping[str, httpx.Client], site: ConsoleSite
):
    clara, key = clients["clara"], site.requests["completed"]
    sent = {"token": token(clara), "key": key}
    assert clara.post("/request/events", data=sent).status_code == 409
    opened = clara.post("/request/events", data={**sent, "reason": "asked by the ward"})
    assert opened.status_code == 200
    assert opened.headers["content-security-policy"].startswith("sandbox;")
    assert "Medications" in opened.text
    (noted,) = (each for each in site.run(site.trail()) if each["event"] == "events.opened")
    assert (noted["user"]["user_id"], noted["facts"]["reason"], noted["request_key"]) == (
        "clara",
        "asked by the ward",
        key,
    )


def test_a_patient_is_looked_for_by_a_number_that_is_in_no_page_and_in_the_trail_as_a_key(
    clients: Mapping[str, httpx.Client], site: ConsoleSite
):
    vera = clients["vera"]
    found = vera.post("/requests/patient", data={"token": token(vera), "nhs_number": PATIENT.nhs_number})
    assert site.requests["completed"].partition(" ")[2] in found.text
    assert site.requests["failed"].partition(" ")[2] not in found.text
    # Its own number in any grouping: a duration after a time of day may look like a number of anybody's.
    assert PATIENT.nhs_number not in re.sub(r"[\s-]", "", found.text)
    assert any(each["event"] == "requests.listed" for each in site.run(site.trail()))
    refused = vera.post("/requests", data={"token": token(vera), "reference": PATIENT.nhs_number})
    assert refused.status_code == 409
    assert "location" not in refused.headers
    assert PATIENT.nhs_number not in refused.text


def test_requests_are_narrowed_by_what_they_ask_for_by_their_tries_and_by_how_long_they_took(
    clients: Mapping[str, httpx.Client], site: ConsoleSite
):
    vera, completed = clients["vera"], site.requests["completed"].partition(" ")[2]

    def listed(**fields: str) -> httpx.Response:
        sent = {"token": token(vera), **fields}
        return vera.post("/requests", data=sent, follow_redirects=True)

    of_one_try = listed(operation="record.requested.v1", attempts="1")
    assert completed in of_one_try.text
    assert site.requests["in_doubt"].partition(" ")[2] not in of_one_try.text
    for other in ({"operation": "slots.requested.v1"}, {"attempts": "2"}, {"took": "300"}):
        assert completed not in listed(**other).text
    assert listed(attempts="several").status_code == 409


def test_data_quality_is_told_by_supplier_and_exported_for_it(
    clients: Mapping[str, httpx.Client], site: ConsoleSite
):
    vera = clients["vera"]
    page = vera.get("/quality")
    assert "Every record that came is counted." in page.text
    told = list(csv.DictReader(io.StringIO(vera.get("/quality", params={"as": "csv"}).text)))
    assert {line["kind"] for line in told} >= {"issue", "degraded"}
    assert {line["supplier_ods"] for line in told} == {"YGS01"}
    for line in told:
        assert line["code"] in page.text
    assert any(line["example_ref"] for line in told)
    nothing = vera.get("/quality", params={"supplier": "YGS99"})
    assert "Nothing was noticed" in nothing.text


def test_a_practice_is_shown_as_workers_saw_it_and_is_asked_now_by_whoever_is_signed_in(
    clients: Mapping[str, httpx.Client], site: ConsoleSite
):
    vera, olga = clients["vera"], clients["olga"]
    listed = vera.get("/practices").text
    (ods,) = {*re.findall(r'href="/practice\?ods=([A-Z0-9]+)"', listed)} & {PRACTICE.ods}
    at = f"/practice?ods={ods}"
    _until(lambda: "closed</span> in 1 worker" in vera.get(at).text)
    page = vera.get(at).text
    assert "nobody has asked it for its capability statement" in page
    assert re.search(r"medications</th><td [^>]*>yes<", page)
    assert PRACTICE.manufacturer in page  # as the directory says
    assert "Ask now" not in page
    assert "The practice is told that Olga Brandt asks." in olga.get(at).text
    typed = {"given_name": "Some", "family_name": "Body"}  # counts for nothing
    sent = {"token": token(olga), "ods": ods, "organisation_name": "Sandbox General Hospital", **typed}
    assert olga.post("/practice/ask", data=sent).status_code == 409  # no reason
    nameless = clients["alma"]
    assert "your sign-in does not say your name" in nameless.get(at).text
    refused = nameless.post("/practice/ask", data={**sent, "token": token(nameless), "reason": "x"})
    assert refused.status_code == 409
    assert olga.post("/practice/ask", data={**sent, "reason": "new version?"}).status_code == 303
    _until(lambda: ": it answered, <time" in vera.get(at).text)
    page = vera.get(at).text
    assert "gpc.registerpatient" in page
    assert "Brandt" not in page
    events = {each["event"]: each for each in site.run(site.trail()) if each.get("practice_ods") == ods}
    assert events["practice.ask"]["facts"]["reason"] == "new version?"
    assert events["practice.capability"]["user"]["name"] == "Olga Brandt"


def test_national_services_are_shown_as_workers_last_saw_them_and_what_the_directory_answers(
    clients: Mapping[str, httpx.Client],
):
    overview = clients["vera"].get("/").text
    for service in ("PDS", "SDS", "Spine Secure Proxy"):
        assert re.search(rf"{service}</th><td [^>]*><span class=\"state completed\">closed</span>", overview)
    assert PRACTICE.manufacturer in clients["olga"].get("/system").text


def test_a_request_is_shown_in_lanes_from_the_message_to_its_events(
    clients: Mapping[str, httpx.Client], site: ConsoleSite
):
    page = clients["vera"].get("/request", params={"key": site.requests["completed"]}).text
    lanes = re.findall(r'<tr><th scope="row" data-label="Where">([^<]+)</th><td><svg', page)
    assert lanes == [
        *("message", "engine", "PDS", "SDS", f"practice {PRACTICE.ods}", "mapping", "ledger", "events")
    ]


def test_pages_of_metadata_hold_no_patient_and_nobody_who_asked(
    clients: Mapping[str, httpx.Client], site: ConsoleSite
):
    numbers = {each.nhs_number for each in BY_NAME.values()}
    pages = [clients["alma"].get(path) for path in METADATA]
    pages += [clients["alma"].get("/request", params={"key": key}) for key in site.requests.values()]
    pages.append(clients["alma"].get("/practice", params={"ods": PRACTICE.ods}))
    pages += [clients["alma"].get(path, params={"as": "csv"}) for path in ("/requests", "/quality", "/audit")]
    for page in pages:
        assert [number for number in numbers if number in page.text] == [], page.url
        assert FAMILY_NAME not in page.text or page.url.path in ("/audit", "/request"), page.url
        assert not holds_nhs_number(str(page.url))


def test_a_job_of_dead_letters_is_planned_confirmed_and_run(
    clients: Mapping[str, httpx.Client], site: ConsoleSite
):
    olga = clients["olga"]
    sent = {"token": token(olga), "kind": "replay", "pipeline": "structured_record", "reason": "rejected"}
    planned = olga.post("/dead-letters/plan", data=sent)
    assert planned.status_code == 303, planned.text
    page = olga.get(planned.headers["location"])
    assert "1 of 1" not in page.text
    job = {
        "token": token(olga),
        "kind": "replay",
        "id": planned.headers["location"].partition("id=")[2].partition("&")[0],
    }
    assert olga.post("/dead-letters/confirm", data=job).status_code == 409
    assert olga.post("/dead-letters/confirm", data={**job, "reason": "mended"}).status_code == 303
    _until(lambda: "1 of 1" in olga.get(planned.headers["location"]).text)
    confirmed = [each for each in site.run(site.trail()) if each["event"] == "dead.replay.confirmed"]
    assert [each["user"]["user_id"] for each in confirmed] == ["olga"]


def test_a_replay_whose_message_was_lost_is_given_up_with_a_reason_and_by_whoever_may(
    clients: Mapping[str, httpx.Client], site: ConsoleSite
):
    olga, vera = clients["olga"], clients["vera"]
    key = site.requests["unusable"]
    planned = olga.post("/replays/plan", data={"token": token(olga), "key": key})
    assert planned.status_code == 303, planned.text
    at = planned.headers["location"]
    sent = {"token": token(olga), "id": at.partition("id=")[2]}
    site.run(lose_replay(site, sent["id"], key))
    assert "Give up as lost" in olga.get(at).text
    assert "Give up as lost" not in vera.get(at).text
    given = {**sent, "sure": "yes", "reason": "purged by hand"}
    for lacks in ("sure", "reason"):
        assert olga.post("/replays/lost", data={**given, lacks: ""}).status_code == 409
    assert olga.post("/replays/lost", data=given).status_code == 303
    page = olga.get(at).text
    assert "Given up as lost: 1" in page
    assert "Give up as lost" not in page
    (noted,) = [each for each in site.run(site.trail()) if each["event"] == "replay.lost"]
    assert (noted["user"]["user_id"], noted["facts"]["reason"]) == ("olga", "purged by hand")


def test_a_plan_of_a_group_is_of_the_period_that_the_page_showed(
    clients: Mapping[str, httpx.Client], site: ConsoleSite
):
    olga = clients["olga"]
    section = olga.get("/failures", params={"hours": "1"}).text.partition("response_invalid")[2]
    fields = dict(re.findall(r'name="(group|hours)" value="([^"]+)"', section.partition("</form>")[0]))
    assert fields["hours"] == "1"
    planned = olga.post("/replays/plan", data={"token": token(olga), **fields}, follow_redirects=True)
    assert "Of those that ended in the last hour." in planned.text
    entries = [each for each in site.run(site.trail()) if each["event"] == "replay.planned"]
    assert "ended_since" in entries[-1]["facts"]


@pytest.mark.duty("JO-033")
def test_a_dead_letter_whose_id_is_an_nhs_number_is_shown_without_it(
    clients: Mapping[str, httpx.Client], site: ConsoleSite
):
    number = BY_NAME["restricted"].nhs_number
    site.run(
        site.bus.send("record.requested.v1", b"{}", id=number, correlation_id=number, content_type=STRUCTURED)
    )
    olga, shown = clients["olga"], []
    sent = {"token": token(olga), "kind": "discard", "pipeline": "structured_record"}

    def planned() -> list[str]:
        job = olga.post("/dead-letters/plan", data=sent).headers.get("location", "/dead-letters")
        shown.append(olga.get(job).text)
        return re.findall(r'href="(/dead-letters/letter[^"]*)"', shown[-1])

    _until(lambda: len(planned()) > 1)
    shown += [olga.get(letter.replace("&amp;", "&")).text for letter in planned()]
    assert any(sha256(number.encode()).hexdigest() in page for page in shown[-2:])
    assert [page for page in shown if number in page] == []


def test_a_doubt_is_closed_with_what_was_found(clients: Mapping[str, httpx.Client], site: ConsoleSite):
    olga, key = clients["olga"], site.requests["in_doubt"]
    assert "book_appointment" in olga.get("/in-doubt").text
    assert olga.post("/in-doubt/check", data={"token": token(olga), "key": key}).status_code == 303
    sent = {"token": token(olga), "key": key, "reason": "rang the practice: booked"}
    assert olga.post("/in-doubt/close", data=sent).status_code == 303
    assert "None is in doubt" in olga.get("/in-doubt").text
    events = [each["event"] for each in site.run(site.trail())]
    assert {"doubt.check_asked", "doubt.closed"} <= set(events)


def test_retries_are_stopped_and_allowed_again(clients: Mapping[str, httpx.Client], site: ConsoleSite):
    olga = clients["olga"]
    for action, words in (("stop", "stopped"), ("allow", "as usual")):
        sent = {"token": token(olga), "reason": "PDS is being mended"}
        assert olga.post(f"/system/retries/{action}", data=sent).status_code == 303
        assert words in olga.get("/system").text
    events = [each["event"] for each in site.run(site.trail())]
    assert {"retries.stopped", "retries.allowed"} <= set(events)


def test_no_secret_is_on_the_page_of_settings(clients: Mapping[str, httpx.Client], site: ConsoleSite):
    text = clients["alma"].get("/system").text
    for secret in (site.settings.patient_key, site.settings.sds_api_key, PASSWORD):
        assert secret
        assert f">{secret}<" not in text


def test_whoever_is_taken_out_of_the_file_is_signed_out(site: ConsoleSite):
    file = site.settings.console.users_file
    assert file is not None
    put_user(file, "temp", [Role.VIEWER], PASSWORD)
    with site.client() as client:
        _until(lambda: sign_in(client, "temp").status_code == 303)
        assert client.get("/").status_code == 200
        remove_user(file, "temp")
        _until(lambda: client.get("/").status_code == 303)


def _until(holds):
    while not holds():
        time.sleep(0.1)
