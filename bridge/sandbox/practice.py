"""GP practices: one server, an ODS code in every path, each enforcing what a provider must enforce."""

import asyncio
import contextlib
import gzip
import json
import re
import time
from collections.abc import Callable, Mapping
from typing import Any

from bridge.sandbox.appointments import foundations, operations
from bridge.sandbox.appointments.booking import slots_in
from bridge.sandbox.appointments.operations import OperationCall
from bridge.sandbox.appointments.registration import register_patient
from bridge.sandbox.capability import capability_statement
from bridge.sandbox.care_record.operation import VERSION as VERSION_0
from bridge.sandbox.care_record.operation import CareRecords, conformance
from bridge.sandbox.control.board import FaultBoard
from bridge.sandbox.control.calls import Call, CallLog
from bridge.sandbox.control.faults import INSTEAD_OF_WORK, FaultKind, InjectedFault
from bridge.sandbox.documents import operations as documents
from bridge.sandbox.outcomes import FHIR_JSON, FHIR_JSON_0, Refusal, practice_error, spoil
from bridge.sandbox.practice_sites import PracticeSites
from bridge.sandbox.spine import tokens_dstu2
from bridge.sandbox.spine.interactions import OPERATIONS, SpineOperation, operation_at
from bridge.sandbox.spine.tokens import BadToken, check_claims, read_claims, remarks
from bridge.sandbox.structured.checks import BadParameters
from bridge.sandbox.structured.clinical import DOCUMENTS_ROOT
from bridge.sandbox.structured.parameters import Query, read_query
from bridge.sandbox.structured.store import RecordStore
from bridge.sandbox.subjects import patient_of
from bridge.sandbox.web import Reply, Request
from bridge.sandbox.world import (
    CONSUMERS,
    PRACTICE_BY_ODS,
    Practice,
    asids,
)

Json = dict[str, Any]

_DOCUMENT = next(each.interaction for each in OPERATIONS if each.name == "document")
_STALE_TRACE = "00000000-0000-4000-8000-000000000000"
_YOUNG = 2.0  # seconds
_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_ROOT = re.compile(
    r"/(?P<ods>[A-Z0-9]+)/(?P<root>STU3/1/gpconnect(?:/structured|/documents)?|DSTU2/0/gpconnect)(?P<path>/.*)"
)
_ANY_JSON = {"application/json", "*/*", "application/*"}
_WORK: Mapping[str, Callable[[OperationCall], Reply]] = {
    "find_patient": foundations.find_patient,
    "read_patient": foundations.read_patient,
    "find_practitioner": foundations.find_practitioner,
    "read_practitioner": foundations.read_practitioner,
    "find_organisation": foundations.find_organisation,
    "read_organisation": foundations.read_organisation,
    "read_location": foundations.read_location,
    "search_slots": operations.search_slots,
    "book": operations.book,
    "read_appointment": operations.read_appointment,
    "patient_appointments": operations.patient_appointments,
    "amend": operations.amend,
    "cancel": operations.cancel,
    "documents_patient": documents.find_patient,
    "documents_search": documents.search,
    "document": documents.retrieve,
}


class Practices:
    """Answers ``/{ODS}/STU3/1/gpconnect…`` and ``/{ODS}/DSTU2/0/gpconnect``.

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
        store: RecordStore,
        surgeries: PracticeSites,
        faults: FaultBoard,
        calls: CallLog,
        strict: bool = True,
        delay: float = 0.0,
        compress: bool = True,
    ) -> None:
        self._base = base
        self.surgeries = surgeries
        self._store = store
        self._faults = faults
        self._care_records = CareRecords(faults)
        self._calls = calls
        self._strict = strict
        self._delay = delay
        self._compress = compress

    async def handle(self, request: Request, call: Call) -> Reply:
        """Answer one request."""
        try:
            reply = self._answer(request, call)
        except (Refusal, BadToken, BadParameters) as refusal:
            reply = _refused(refusal, call, is_version_0="/DSTU2/" in request.target)
        accepts_gzip = self._compress and "gzip" in request.headers.get("accept-encoding", "")
        if accepts_gzip and isinstance(reply.body, bytes):
            reply.body = gzip.compress(reply.body, compresslevel=1, mtime=0)
            reply.headers["content-encoding"] = "gzip"
        reply.headers["cache-control"] = "no-store"
        reply.delay = self._delay
        return reply

    def whose(self, request: Request) -> str | None:
        """The NHS number of the patient that a request is about, as far as that can be told."""
        matched = _ROOT.fullmatch(request.target)
        if matched is None or matched["ods"] not in PRACTICE_BY_ODS:
            return None
        interaction = request.headers.get("ssp-interactionid")
        operation = operation_at(matched["root"], matched["path"], request.method, interaction)
        return patient_of(operation, request, matched["path"], self.surgeries[matched["ods"]])

    def reset(self) -> None:
        """Forget what was booked and registered; what is still done late is done to what is forgotten."""
        self.surgeries.reset()

    def _answer(self, request: Request, call: Call) -> Reply:
        matched = _ROOT.fullmatch(request.target)
        practice = PRACTICE_BY_ODS.get(matched["ods"]) if matched else None
        if matched is None or practice is None:
            raise Refusal("NO_RECORD_FOUND", "no practice is served at this address")
        call.practice = practice.ods
        call.interaction = request.headers.get("ssp-interactionid")
        call.trace_id = request.headers.get("ssp-traceid")
        operation = operation_at(matched["root"], matched["path"], request.method, call.interaction)
        if operation is None or operation.interaction not in practice.interactions:
            raise Refusal("NOT_IMPLEMENTED", "no such operation under this service root")
        if self._strict:
            self._check_call(request, call, practice, operation)
        if operation.is_version_0:
            # Deployed switched on, unlike version 1: whether that one is enabled does not matter here.
            if operation.name == "care_record":
                return self._care_records.answer(_body(request), call, practice)
            return conformance(call)
        if operation.name.endswith("metadata"):
            return _json(capability_statement(practice, operation.root))
        if not practice.enabled:
            raise Refusal("ACCESS DENIED", "GP Connect is switched off at this practice")
        if operation.name == "structured_record":
            query = read_query(_body(request), version=practice.version)
            call.remarks += query.remarks
            call.nhs_number = query.nhs_number
            return self._meet(lambda fault: self._record(query, call, practice, fault), call, operation)
        asked = self._asked(request, call, practice, operation, matched["path"])
        return self._meet(lambda _: self._work(operation, asked), call, operation, asked)

    def _asked(
        self, request: Request, call: Call, practice: Practice, operation: SpineOperation, path: str
    ) -> OperationCall:
        surgery = self.surgeries[practice.ods]
        call.nhs_number = patient_of(operation, request, path, surgery)
        return OperationCall(
            request,
            call,
            surgery,
            root=practice.root(self._base, operation.interaction),
            id=operation.id_in(path),
            body=None if request.method == "GET" else _body(request),
        )

    def _work(self, operation: SpineOperation, asked: OperationCall) -> Reply:
        if operation.name == "register_patient":
            return register_patient(asked, self.surgeries.on_pds)
        return _WORK[operation.name](asked)

    def _meet(
        self,
        work: Callable[[InjectedFault | None], Reply],
        call: Call,
        operation: SpineOperation,
        asked: OperationCall | None = None,
    ) -> Reply:
        """Do the work, unless and until the fault that the request meets has it otherwise."""
        fault = self._faults.take("practice", call.nhs_number, call.practice, operation=operation.name)
        if fault is None:
            return work(None)
        version = PRACTICE_BY_ODS[call.practice or ""].version
        if fault.kind in INSTEAD_OF_WORK:
            return spoil(Reply(500), fault, version=version)
        if fault.kind is FaultKind.LATE:
            asyncio.get_running_loop().call_later(fault.delay, _quietly, work)
            return spoil(Reply(500), fault, version=version)
        if asked:
            _staff_first(fault, operation, asked)
        try:
            reply = work(fault)
        except (Refusal, BadParameters) as refusal:
            reply = _refused(refusal, call)
        return spoil(reply, fault, version=version)

    def _record(self, query: Query, call: Call, practice: Practice, fault: InjectedFault | None) -> Reply:
        trace_id = call.trace_id or _STALE_TRACE
        if fault and fault.kind is FaultKind.STALE_BUNDLE:
            trace_id = _STALE_TRACE
        shown = self._store.another_than(query) if fault and fault.kind is FaultKind.OTHER_PATIENT else query
        body = self._store.body(shown, practice.ods, trace_id, other=shown is not query)
        if body is None:
            raise Refusal("PATIENT_NOT_FOUND", "no active record for this patient at this practice")
        if (mark := DOCUMENTS_ROOT.encode()) in body:
            body = body.replace(mark, practice.root(self._base, _DOCUMENT).encode())
        return Reply(200, body, _headers())

    def _check_call(
        self, request: Request, call: Call, practice: Practice, operation: SpineOperation
    ) -> None:
        _check_headers(request, practice, operation.interaction)
        if request.method != operation.method:
            raise Refusal("BAD_REQUEST", f"the operation needs {operation.method}")
        call.claims = read_claims(request.headers.get("authorization", ""))
        if operation.is_version_0:
            tokens_dstu2.check_claims(call.claims, scope=operation.scope)
            _check_media_types(request, FHIR_JSON_0)
            call.remarks += tokens_dstu2.remarks(call.claims)
        else:
            root = practice.root(self._base, operation.interaction)
            check_claims(call.claims, root=root, scope=operation.scope)
            _check_media_types(request, FHIR_JSON)
            call.remarks += remarks(call.claims)
        call.remarks += self._remarks(request, call.claims)

    def _remarks(self, request: Request, claims: Mapping[str, Any]) -> list[str]:
        """What is let pass in every version, and is not as a consumer should do it."""
        found = []
        if not self._calls.is_new("trace", request.headers["ssp-traceid"]):
            found.append("SP-032: the trace id was used before")
        # Two tokens of the same second are alike, so only one that has aged was kept from another call.
        is_new = self._calls.is_new("token", request.headers["authorization"])
        if not is_new and time.time() - claims["iat"] > _YOUNG:
            found.append("SP-061: the token was used before")
        if "gzip" not in request.headers.get("accept-encoding", ""):
            found.append("SP-092: gzip is not accepted")
        if request.method != "GET" and "charset=utf-8" not in request.headers["content-type"].lower():
            found.append("SP-091: no charset in Content-Type")
        sender = next((one for one in CONSUMERS if one.asid == request.headers["ssp-from"]), None)
        identifiers = claims["requesting_organization"]["identifier"]
        if sender is None or sender.ods not in {item.get("value") for item in identifiers}:
            found.append("SP-033: Ssp-From is not the ASID of requesting_organization")
        return found


def _refused(refusal: Refusal | BadToken | BadParameters, call: Call, *, is_version_0: bool = False) -> Reply:
    call.refused = str(refusal)
    practice = PRACTICE_BY_ODS.get(call.practice or "")
    version_1 = practice.version if practice else "1.6.2"
    return practice_error(refusal.code, call.refused, version=VERSION_0 if is_version_0 else version_1)


def _quietly(work: Callable[[InjectedFault | None], Reply]) -> None:
    """Do what nobody waits for any more."""
    with contextlib.suppress(Refusal, BadParameters):
        work(None)


def _staff_first(fault: InjectedFault, operation: SpineOperation, asked: OperationCall) -> None:
    """What the practice's own people do just before the request is worked on."""
    diary = asked.surgery.diary
    if fault.kind is FaultKind.TAKEN and operation.name == "book":
        for slot_id in slots_in(asked.body):
            diary.staff_take(slot_id)
    if fault.kind is FaultKind.TOUCHED and operation.name in {"amend", "cancel"}:
        with contextlib.suppress(Refusal):
            diary.staff_touch(asked.id)


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


def _check_media_types(request: Request, media_type: str) -> None:
    formats = [value for name, value in request.parameters if name == "_format"]
    accepted = formats or request.headers.get("accept", "*/*").split(",")
    if not any(part.split(";")[0].strip() in _ANY_JSON | {media_type} for part in accepted):
        raise Refusal("UNSUPPORTED_MEDIA_TYPE", "this practice answers in JSON")
    sent = request.headers.get("content-type", "").split(";")[0].strip()
    if request.method != "GET" and sent != media_type:
        raise Refusal("UNSUPPORTED_MEDIA_TYPE", f"the body must be {media_type}")


def _body(request: Request) -> Any:
    try:
        return json.loads(request.body)
    except ValueError:
        raise Refusal("BAD_REQUEST", "the body is not JSON") from None


def _headers() -> dict[str, str]:
    return {"content-type": f"{FHIR_JSON};charset=utf-8"}


def _json(value: Json) -> Reply:
    return Reply(200, json.dumps(value).encode(), _headers())
