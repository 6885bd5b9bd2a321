"""Courses: a MedicationStatement, the plan it is based on, and the plan's issues (digest §3.1).

Links run one way only, from issue to plan and from statement to plan, so the tree is put together from
reverse indexes. Statement, plan and each issue are read alone: one that is malformed costs no other.
"""

from collections.abc import Iterable
from datetime import UTC, datetime

from bridge.fhir.index import Received
from bridge.fhir.read import reference_target
from bridge.mapping.conflicts import mark_conflicts, mark_medication
from bridge.mapping.inheritance import inherit_issue, inherit_plan
from bridge.mapping.lists import AreaList, Lists
from bridge.mapping.provenance import keep_apart
from bridge.mapping.reading import Reading
from bridge.mapping.requests import Medications, read_issue, read_plan
from bridge.mapping.statements import read_statement
from bridge.record.common import CodedText, PartialDate
from bridge.record.dates import earliest
from bridge.record.medications import MedicationCourse, MedicationIssue, MedicationPlan

_AREA = "medications"
_OTHER_INTENT = "The intent of the request is neither plan nor order."


def map_medications(reading: Reading, lists: Lists) -> list[MedicationCourse]:
    """Every medication of the bundle, whatever way it came (CS-077); the newest first."""
    return _Courses(reading).put_together(lists.areas.get(_AREA, AreaList()).targets)


class _Courses:
    """The courses of one bundle in the making."""

    def __init__(self, reading: Reading) -> None:
        self._reading = reading
        self._medications = Medications(reading)
        self._retrieved_at = _moment(reading.source.retrieved_at)
        self._plans: dict[int, tuple[MedicationPlan, CodedText] | None] = {}
        self._all_plans: list[MedicationPlan] = []
        self._all_issues: list[MedicationIssue] = []
        self._plan_resources: list[Received] = []
        self._orders_of: dict[int, list[Received]] = {}
        self._orders: list[Received] = []
        self._sort_requests()

    def put_together(self, listed: set[str]) -> list[MedicationCourse]:
        """Statements first; then plans without a statement, then issues without a plan."""
        courses = [
            course
            for received in sorted(
                self._reading.distinct("MedicationStatement", _AREA), key=lambda each: each.ref
            )
            if (course := self._from_statement(received)) is not None
        ]
        courses += [
            self._from_plan(*plan)
            for received in self._plan_resources
            if id(received.resource) not in self._plans and (plan := self._plan(received)) is not None
        ]
        taken = self._reading.mapped | self._reading.aside
        courses += [
            self._from_issue(*issue)
            for received in self._orders
            if id(received.resource) not in taken and (issue := self._issue(received)) is not None
        ]
        self._finish(courses, listed)
        return sorted(
            courses, key=lambda course: _newest_first(course.get("effective_from"), course["item_id"])
        )

    def _sort_requests(self) -> None:
        orders: list[Received] = []
        for received in self._reading.distinct("MedicationRequest", _AREA):
            intent = received.resource.get("intent")
            if intent == "plan":
                self._plan_resources.append(received)
            elif intent == "order":
                orders.append(received)
            else:
                self._reading.set_aside(received, "unsupported", _OTHER_INTENT, _AREA)
        plans = {id(received.resource) for received in self._plan_resources}
        for received in orders:
            self._orders.append(received)
            for plan in self._based_on(received):
                if id(plan.resource) in plans:
                    self._orders_of.setdefault(id(plan.resource), []).append(received)
                    break

    def _based_on(self, received: Received) -> list[Received]:
        """The requests that a statement or request names as its basis and that were sent."""
        sent = received.resource.get("basedOn")
        found: list[Received] = []
        for each in sent if isinstance(sent, list) else [sent]:
            reference = each.get("reference") if isinstance(each, dict) else None
            target = reference_target(reference) if isinstance(reference, str) else None
            basis = self._reading.index.resolve(target, "MedicationRequest")
            if basis is not None and basis.kind == "MedicationRequest":
                found.append(basis)
        return found

    def _from_statement(self, received: Received) -> MedicationCourse | None:
        reading = self._reading
        course = reading.read(received, _AREA, lambda item: read_statement(reading, self._medications, item))
        if course is None:
            return None
        reading.keep(received)
        bases = [basis for basis in self._based_on(received) if basis.resource.get("intent") == "plan"]
        if len(bases) > 1:
            self._mark(course, "plan_ambiguous")
            bases.sort(key=lambda basis: basis.ref)
        plan = self._plan(bases[0]) if bases else None
        if plan is None:
            self._mark(course, "plan_missing")
        else:
            self._join(course, *plan)
        return course

    def _join(self, course: MedicationCourse, plan: MedicationPlan, medication: CodedText) -> None:
        course["plan"] = plan
        inherit_plan(plan, course)
        if course["medication"]["coding_quality"] == "empty":
            course["medication"] = medication
        mark_medication(self._reading, plan, medication, course["medication"])
        for issue in plan["issues"]:
            inherit_issue(issue, plan)
        seen = self._last_issue_seen(plan["issues"])
        if seen is not None:
            course["last_issue_seen"] = seen

    def _plan(self, received: Received) -> tuple[MedicationPlan, CodedText] | None:
        """A plan with its issues; read once, also when several statements name it."""
        key = id(received.resource)
        if key in self._plans:
            return self._plans[key]
        reading = self._reading
        found = reading.read(received, _AREA, lambda item: read_plan(reading, self._medications, item))
        self._plans[key] = found
        if found is None:
            return None
        reading.keep(received)
        plan, medication = found
        for order in self._orders_of.get(key, ()):
            if (issue := self._issue(order)) is not None:
                mark_medication(reading, issue[0], issue[1], medication)
                plan["issues"].append(issue[0])
        plan["issues"].sort(key=lambda issue: _newest_first(issue.get("issue_date"), issue["item_id"]))
        self._all_plans.append(plan)
        return found

    def _issue(self, received: Received) -> tuple[MedicationIssue, CodedText] | None:
        reading = self._reading
        found = reading.read(received, _AREA, lambda item: read_issue(reading, self._medications, item))
        if found is not None:
            reading.keep(received)
            self._all_issues.append(found[0])
        return found

    def _from_plan(self, plan: MedicationPlan, medication: CodedText) -> MedicationCourse:
        course: MedicationCourse = {
            "item_id": plan["item_id"],
            "medication": medication,
            "status": plan["status"],
            "provenance": plan["provenance"],
            "prescribed_by": "unknown",
            "dosage": [plan["dosage"]] if "dosage" in plan else [],
            "notes": [],
            "issue_codes": [],
        }
        if "valid_from" in plan:
            course["effective_from"] = plan["valid_from"]
        if "valid_to" in plan:
            course["effective_to"] = plan["valid_to"]
        self._join(course, plan, medication)
        self._mark(course, "statement_missing")
        return course

    def _from_issue(self, issue: MedicationIssue, medication: CodedText) -> MedicationCourse:
        course: MedicationCourse = {
            "item_id": issue["item_id"],
            "medication": medication,
            "status": issue["status"],
            "provenance": issue["provenance"],
            "prescribed_by": "unknown",
            "dosage": [issue["dosage"]] if "dosage" in issue else [],
            "notes": [],
            "issue_codes": [],
            "issue_without_plan": issue,
        }
        if "issue_date" in issue:
            course["effective_from"] = issue["issue_date"]
        if "supply_ends" in issue:
            course["effective_to"] = issue["supply_ends"]
        if (seen := self._last_issue_seen([issue])) is not None:
            course["last_issue_seen"] = seen
        self._mark(course, "order_without_plan")
        return course

    def _last_issue_seen(self, issues: Iterable[MedicationIssue]) -> PartialDate | None:
        """The newest issue that was not stopped and does not lie in the future; issues come newest first."""
        for issue in issues:
            when = issue.get("issue_date")
            if when is None or issue["status"] == "stopped":
                continue
            first = earliest(when)
            if first is not None and self._retrieved_at is not None and first <= self._retrieved_at:
                return when
        return None

    def _finish(self, courses: list[MedicationCourse], listed: set[str]) -> None:
        """Marks and ids that need every course."""
        reading = self._reading
        for course in courses:
            if course["provenance"]["source_ref"] not in listed:
                self._mark(course, "not_in_list")
            mark_conflicts(reading, course)
        keep_apart(reading, self._all_issues)
        keep_apart(reading, self._all_plans)
        keep_apart(reading, courses)
        ids = {plan["provenance"]["source_ref"]: plan["item_id"] for plan in self._all_plans}
        for plan in self._all_plans:
            if "prior_plan_id" in plan:
                # A search date leaves an ended predecessor out; then its reference stays (§3.9).
                plan["prior_plan_id"] = ids.get(plan["prior_plan_id"], plan["prior_plan_id"])

    def _mark(self, course: MedicationCourse, code: str) -> None:
        course["issue_codes"].append(code)
        self._reading.report(code, course["provenance"]["source_ref"])


def _newest_first(when: PartialDate | None, item_id: str) -> tuple[float, str]:
    first = earliest(when) if when is not None else None
    return (-first.timestamp() if first is not None else float("inf")), item_id


def _moment(retrieved_at: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(retrieved_at)
    except ValueError:
        return None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
