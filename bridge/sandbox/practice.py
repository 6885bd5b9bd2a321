"""GP practices: one server, an ODS code in every path, each enforcing what a provider must enforce."""

import gzip
import json
import re
import time
from collections.abc import Mapping
from typing import Any

from bridge.sandbox.calls import Call, CallLog
from bridge.sandbox.capability import capability_statement
from bridge.sandbox.faults import INSTEAD_OF_WORK, FaultBoard, FaultKind
from bridge.sandbox.outcomes import FHIR_JSON, practice_error, spoil
from bridge.sandbox.parameters import BadParameters, Query, read_query
from bridge.sandbox.store import Store
from bridge.sandbox.tokens import BadToken, check_claims, read_claims, remarks
from bridge.sandbox.web import Reply, Request
from bridge.sandbox.world import (
    CONSUMERS,
    FOUNDATIONS_METADATA,
    PRACTICE_BY_ODS,
    ROOT_BY_INTERACTION,
    STRUCTURED_METADATA,
    STRUCTURED_RECORD,
    Practice,
    asids,
)

Json = dict[str, Any]

_STALE_TRACE = "00000000-0000-4000-8000-000000000000"
_YOUNG = 2.0  # seconds
_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_ROOT = re.compile(r"/(?P<ods>[A-Z0-9]+)/(?P<root>STU3/1/gpconnect(?:/structured)?)(?P<path>/.*)")
_JSON_TYPES = {FHIR_JSON, "application/json", "*/*", "application/*"}
# (root, path) of an operation: interaction, method, scope
_OPERATIONS = {
    (ROOT_BY_INTERACTION[STRUCTURED_RECORD], "/Patient/$gpc.getstructuredrecord"): (
        STRUCTURED_RECORD,
        "POST",
        "patient/*.read",
    ),
    (ROOT_BY_INTERACTION[STRUCTURED_METADATA], "/metadata"): (
        STRUCTURED_METADATA,
        "GET",
        "organization/*.read",
    ),
    (ROOT_BY_INTERACTION[FOUNDATIONS_METADATA], "/metadata"): (
        FOUNDATIONS_METADATA,
        "GET",
        "organization/*.read",
    ),
}


class Refusal(Exception):  # noqa: N818 - what it is
    """The practice says no: a Spine code and the rule."""

    def __init__(self, code: str, rule: str) -> None:
        super().__init__(rule)
        self.code = code


class Practices:
    """Answers ``/{ODS}/STU3/1/gpconnect…``.

    Args:
        base: public address of this server: what SDS hands out begins with it, and so does ``aud``.
        strict: False reads the request just enough to answer it, for measuring others.
        delay: seconds that every answer takes.
        compress: whether answers are compressed for those who accept it.
    """

    def __init__(
        self,
        *,
        base: str,
        store: Store,
        faults: FaultBoard,
        calls: CallLog,
        strict: bool = True,
        delay: float = 0.0,
        compress: bool = True,
    ) -> None:
        self._base = base
        self._store = store
        self._faults = faults
        self._calls = calls
        self._strict = strict
        self._delay = delay
        self._compress = compress

    async def handle(self, request: Request, call: Call) -> Reply:
        """Answer one request."""
        try:
            reply = self._answer(request, call)
        except (Refusal, BadToken, BadParameters) as refusal:
            call.refused = str(refusal)
            practice = PRACTICE_BY_ODS.get(call.practice or "")
            version = practice.version if practice else "1.6.2"
            reply = practice_error(refusal.code, call.refused, version=version)
        accepts_gzip = self._compress and "gzip" in request.headers.get("accept-encoding", "")
        if accepts_gzip and isinstance(reply.body, bytes):
            reply.body = gzip.compress(reply.body, compresslevel=1, mtime=0)
            reply.headers["content-encoding"] = "gzip"
        reply.headers["cache-control"] = "no-store"
        reply.delay = self._delay
        return reply

    def _answer(self, request: Request, call: Call) -> Reply:
        matched = _ROOT.fullmatch(request.target)
        practice = PRACTICE_BY_ODS.get(matched["ods"]) if matched else None
        if matched is None or practice is None:
            raise Refusal("NO_RECORD_FOUND", "no practice is served at this address")
        call.practice = practice.ods
        operation = _OPERATIONS.get((matched["root"], matched["path"]))
        if operation is None:
            raise Refusal("NOT_IMPLEMENTED", "no such operation under this service root")
        interaction, method, scope = operation
        call.interaction = request.headers.get("ssp-interactionid")
        call.trace_id = request.headers.get("ssp-traceid")
        if self._strict:
            self._check_call(request, call, practice, (interaction, method, scope))
        if interaction != STRUCTURED_RECORD:
            return _json(capability_statement(practice.version))
        if not practice.enabled:
            raise Refusal("ACCESS DENIED", "GP Connect is switched off at this practice")
        query = read_query(_body(request), version=practice.version)
        call.remarks += query.remarks
        call.nhs_number = query.nhs_number
        return self._record(query, call, practice)

    def _record(self, query: Query, call: Call, practice: Practice) -> Reply:
        fault = self._faults.take("practice", query.nhs_number, practice.ods)
        if fault and fault.kind in INSTEAD_OF_WORK:
            return spoil(Reply(500), fault, version=practice.version)
        trace_id = call.trace_id or _STALE_TRACE
        if fault and fault.kind is FaultKind.STALE_BUNDLE:
            trace_id = _STALE_TRACE
        shown = self._store.another_than(query) if fault and fault.kind is FaultKind.OTHER_PATIENT else query
        body = self._store.body(shown, practice.ods, trace_id, other=shown is not query)
        if body is None:
            raise Refusal("PATIENT_NOT_FOUND", "no active record for this patient at this practice")
        reply = Reply(200, body, _headers())
        return spoil(reply, fault, version=practice.version) if fault else reply

    def _check_call(
        self, request: Request, call: Call, practice: Practice, operation: tuple[str, str, str]
    ) -> None:
        interaction, method, scope = operation
        _check_headers(request, practice, interaction)
        if request.method != method:
            raise Refusal("BAD_REQUEST", f"the operation needs {method}")
        call.claims = read_claims(request.headers.get("authorization", ""))
        check_claims(call.claims, root=practice.root(self._base, interaction), scope=scope)
        _check_media_types(request)
        call.remarks += self._remarks(request, call.claims)

    def _remarks(self, request: Request, claims: Mapping[str, Any]) -> list[str]:
        """What is let pass, and is not as a consumer should do it."""
        found = remarks(dict(claims))
        if not self._calls.is_new("trace", request.headers["ssp-traceid"]):
            found.append("SP-032: the trace id was used before")
        # Two tokens of the same second are alike, so only one that has aged was kept from another call.
        is_new = self._calls.is_new("token", request.headers["authorization"])
        if not is_new and time.time() - claims["iat"] > _YOUNG:
            found.append("SP-061: the token was used before")
        if "gzip" not in request.headers.get("accept-encoding", ""):
            found.append("SP-092: gzip is not accepted")
        if request.method == "POST" and "charset=utf-8" not in request.headers["content-type"].lower():
            found.append("SP-091: no charset in Content-Type")
        sender = next((one for one in CONSUMERS if one.asid == request.headers["ssp-from"]), None)
        identifiers = claims["requesting_organization"]["identifier"]
        if sender is None or sender.ods not in {item.get("value") for item in identifiers}:
            found.append("SP-033: Ssp-From is not the ASID of requesting_organization")
        return found


def _check_headers(request: Request, practice: Practice, interaction: str) -> None:
    for name in ("ssp-traceid", "ssp-from", "ssp-to", "ssp-interactionid"):
        if not request.headers.get(name, "").strip():
            raise Refusal("BAD_REQUEST", f"header {name} is missing")
    if not _UUID.fullmatch(request.headers["ssp-traceid"]):
        raise Refusal("BAD_REQUEST", "header ssp-traceid must be a UUID")
    if request.headers["ssp-to"] not in asids(practice):
        raise Refusal("BAD_REQUEST", "header ssp-to is not the ASID of this practice")
    if request.headers["ssp-interactionid"] != interaction:
        raise Refusal("BAD_REQUEST", "header ssp-interactionid does not fit the operation")


def _check_media_types(request: Request) -> None:
    formats = [value for name, value in request.parameters if name == "_format"]
    accepted = formats or request.headers.get("accept", "*/*").split(",")
    if not any(part.split(";")[0].strip() in _JSON_TYPES for part in accepted):
        raise Refusal("UNSUPPORTED_MEDIA_TYPE", "this practice answers in JSON")
    sent = request.headers.get("content-type", "").split(";")[0].strip()
    if request.method == "POST" and sent != FHIR_JSON:
        raise Refusal("UNSUPPORTED_MEDIA_TYPE", "the body must be application/fhir+json")


def _body(request: Request) -> Any:
    try:
        return json.loads(request.body)
    except ValueError:
        raise Refusal("BAD_REQUEST", "the body is not JSON") from None


def _headers() -> dict[str, str]:
    return {"content-type": f"{FHIR_JSON};charset=utf-8"}


def _json(value: Json) -> Reply:
    return Reply(200, json.dumps(value).encode(), _headers())
