"""Courses: a MedicationStatement, the plan it is based on, and the plan's issues (digest §3.1).

Every statement, plan and issue is read alone, so that one that is malformed costs no other. Links run one
way only, from issue to plan and from statement to plan: the tree is put together from what could be read.
"""

from datetime import UTC, datetime
from functools import partial

from bridge.areas.medications.conflicts import judge_use, mark, mark_conflicts, mark_medication
from bridge.areas.medications.course_state import UNDECIDED
from bridge.areas.medications.inheritance import inherit_issues, inherit_plan
from bridge.areas.medications.model import MedicationCourse, MedicationIssue, MedicationPlan
from bridge.areas.medications.options import MedicationOptions
from bridge.areas.medications.query import ISSUES
from bridge.areas.medications.requests import Medications, read_issue, read_plan
from bridge.areas.medications.statements import read_statement
from bridge.areas.spec import AreaAnswer
from bridge.fhir.index import ReceivedEntry
from bridge.fhir.read import JsonObject, target_of
from bridge.mapping.bounds import check_taken_over
from bridge.mapping.items import newest_first
from bridge.mapping.lists import NO_LIST
from bridge.mapping.provenance import keep_apart
from bridge.mapping.reading import Reading
from bridge.record.common import CodedText, PartialDate
from bridge.record.dates import earliest, is_known, sort_key, uk_day
from bridge.values import dataclass

_AREA = "medications"
_OTHER_INTENT = "The intent of the request is neither plan nor order."


@dataclass(slots=True, eq=False)
class _Plan:
    plan: MedicationPlan
    medication: CodedText
    has_statement: bool = False


@dataclass(slots=True, eq=False)
class _Issue:
    issue: MedicationIssue
    medication: CodedText
    based_on: list[str]
    plan_ref: str | None = None
    has_statement: bool = False


def map_medications(answer: AreaAnswer[MedicationOptions]) -> list[MedicationCourse]:
    """Every medication of the bundle, whatever way it came (CS-077); the newest first."""
    issues_included = (
        answer.options is not None and answer.options.include_issues and ISSUES not in answer.refused
    )
    courses = _Courses(answer.reading, issues_included=issues_included)
    return courses.put_together(answer.lists.areas.get(_AREA, NO_LIST).firm)


class _Courses:
    """The courses of one bundle in the making."""

    def __init__(self, reading: Reading, *, issues_included: bool) -> None:
        self._reading = reading
        self._issues_included = issues_included
        self._medications = Medications(reading)
        self._retrieved_at = _moment(reading.source.retrieved_at)
        plans, orders = self._requests()
        self._plans = self._read_plans(plans)
        self._issues = self._read_issues(orders)
        self._plan_of = {each.plan["provenance"]["source_ref"]: each for each in self._plans}
        self._issue_of = {each.issue["provenance"]["source_ref"]: each for each in self._issues}
        if reading.index.has_shared_refs:
            self._choose()

    def _choose(self) -> None:
        """Of different ones with one reference, take the same whatever their order."""
        for plan in sorted(self._plans, key=lambda each: _origin(each.plan), reverse=True):
            self._plan_of[plan.plan["provenance"]["source_ref"]] = plan
        for issue in sorted(self._issues, key=lambda each: _origin(each.issue), reverse=True):
            self._issue_of[issue.issue["provenance"]["source_ref"]] = issue

    def put_together(self, listed: set[str]) -> list[MedicationCourse]:
        """Statements first; then plans without a statement, then issues without a plan."""
        issues_without_plan = self._add_issues()
        courses = [self._with_plan(course, based_on) for course, based_on in self._read_statements()]
        courses += [self._from_plan(each) for each in self._plans if not each.has_statement]
        courses += [self._from_issue(each) for each in issues_without_plan if not each.has_statement]
        self._finish(courses, listed)
        return newest_first(courses, lambda each: each.get("effective_from"))

    def _requests(self) -> tuple[list[ReceivedEntry], list[ReceivedEntry]]:
        plans: list[ReceivedEntry] = []
        orders: list[ReceivedEntry] = []
        for received in self._reading.distinct("MedicationRequest", _AREA):
            intent = received.resource.get("intent")
            if intent == "plan":
                plans.append(received)
            elif intent == "order":
                orders.append(received)
            else:
                self._reading.set_aside(received, "unsupported", _OTHER_INTENT, _AREA)
        return plans, orders

    def _read_plans(self, plans: list[ReceivedEntry]) -> list[_Plan]:
        reading, found = self._reading, []
        build = partial(read_plan, reading, self._medications, issues_included=self._issues_included)
        for received in plans:
            read = reading.read(received, _AREA, build)
            if read is not None:
                reading.keep(received)
                found.append(_Plan(*read))
        return found

    def _read_issues(self, orders: list[ReceivedEntry]) -> list[_Issue]:
        reading, found = self._reading, []
        build = partial(read_issue, reading, self._medications)
        for received in orders:
            read = reading.read(received, _AREA, build)
            if read is not None:
                reading.keep(received)
                found.append(_Issue(*read, _based_on(received.resource)))
        return found

    def _read_statements(self) -> list[tuple[MedicationCourse, list[str]]]:
        reading, found = self._reading, []
        build = partial(read_statement, reading, self._medications)
        for received in reading.distinct("MedicationStatement", _AREA):
            read = reading.read(received, _AREA, build)
            if read is not None:
                reading.keep(received)
                found.append((read, _based_on(received.resource)))
        # By reference, so that the order of entries decides nothing (CS-033).
        return sorted(found, key=lambda each: _origin(each[0]))

    def _add_issues(self) -> list[_Issue]:
        """Give every plan its issues, the newest first; the issues that are left over."""
        left_over: list[_Issue] = []
        for each in self._issues:
            plan = self._plan_named_by(each)
            if plan is None:
                left_over.append(each)
                continue
            each.plan_ref = plan.plan["provenance"]["source_ref"]
            mark_medication(self._reading, each.issue, each.medication, plan.medication)
            plan.plan["issues"].append(each.issue)
        for plan in self._plans:
            if len(plan.plan["issues"]) > 1:
                plan.plan["issues"].sort(key=lambda issue: (issue["item_id"], *_origin(issue)))
                plan.plan["issues"].sort(key=lambda issue: sort_key(issue.get("issue_date")), reverse=True)
        return left_over

    def _plan_named_by(self, issue: _Issue) -> _Plan | None:
        for target in issue.based_on:
            if target in self._plan_of:
                return self._plan_of[target]
        return None

    def _with_plan(self, course: MedicationCourse, based_on: list[str]) -> MedicationCourse:
        orders = [self._issue_of[target] for target in based_on if target in self._issue_of]
        # Some statements name an order where the plan belongs: then the order's plan is meant.
        named = {*based_on, *(order.plan_ref for order in orders)} if orders else based_on
        targets = sorted(self._plan_of.keys() & named)
        if not targets:
            mark(self._reading, course, "plan_missing")
            self._join_order(course, orders)
            return course
        if len(targets) > 1:
            mark(self._reading, course, "plan_ambiguous")
        found = self._plan_of[targets[0]]
        self._reading.growth.take_over(found.plan, found.plan["issues"], again=found.has_statement)
        check_taken_over(
            self._reading.growth,
            received=len(self._reading.index.received),
            body_sha256=self._reading.source.body_sha256,
        )
        self._join(course, found)
        return course

    def _join_order(self, course: MedicationCourse, orders: list[_Issue]) -> None:
        """Give a statement the order it is based on; further ones stand as courses of their own."""
        found = next((order for order in orders if not order.has_statement), None)
        if found is None:
            return
        found.has_statement = True
        course["issue_without_plan"] = found.issue
        if course["medication"]["coding_quality"] == "empty":
            course["medication"] = found.medication
        mark_medication(self._reading, found.issue, found.medication, course["medication"])
        self._add_last_issue(course, [found.issue])

    def _join(self, course: MedicationCourse, found: _Plan) -> None:
        plan = found.plan
        found.has_statement = True
        course["plan"] = plan
        inherit_plan(plan, course)
        if course["medication"]["coding_quality"] == "empty":
            course["medication"] = found.medication
        mark_medication(self._reading, plan, found.medication, course["medication"])
        if "medication_conflict" in plan["issue_codes"]:
            mark(self._reading, course, "medication_conflict")
        inherit_issues(plan)
        self._add_last_issue(course, plan["issues"])

    def _from_plan(self, found: _Plan) -> MedicationCourse:
        plan = found.plan
        course: MedicationCourse = {
            "item_id": plan["item_id"],
            "medication": found.medication,
            "status": plan["status"],
            "provenance": plan["provenance"],
            "prescribed_by": "unknown",
            "dosage": [plan["dosage"]] if "dosage" in plan else [],
            "notes": [],
            "issue_codes": [],
            "course_state": UNDECIDED,
            "usable_for_decision_support": False,
        }
        if "valid_from" in plan:
            course["effective_from"] = plan["valid_from"]
        if "valid_to" in plan:
            course["effective_to"] = plan["valid_to"]
        mark(self._reading, course, "statement_missing")
        self._join(course, found)
        return course

    def _from_issue(self, found: _Issue) -> MedicationCourse:
        issue = found.issue
        course: MedicationCourse = {
            "item_id": issue["item_id"],
            "medication": found.medication,
            "status": issue["status"],
            "provenance": issue["provenance"],
            "prescribed_by": "unknown",
            "dosage": [issue["dosage"]] if "dosage" in issue else [],
            "notes": [],
            "issue_codes": [],
            "course_state": UNDECIDED,
            "usable_for_decision_support": False,
            "issue_without_plan": issue,
        }
        if "issue_date" in issue:
            course["effective_from"] = issue["issue_date"]
        if "supply_ends" in issue:
            course["effective_to"] = issue["supply_ends"]
        self._add_last_issue(course, [issue])
        mark(self._reading, course, "order_without_plan")
        return course

    def _add_last_issue(self, course: MedicationCourse, issues: list[MedicationIssue]) -> None:
        if (seen := self._last_issue_seen(issues)) is not None:
            course["last_issue_seen"] = seen
        # Issues come newest first, those whose date is not known last.
        for issue in reversed(issues):
            when = issue.get("issue_date")
            if when is not None and is_known(when):
                return
            if issue["status"] != "stopped":
                mark(self._reading, course, "last_issue_uncertain")
                return

    def _last_issue_seen(self, issues: list[MedicationIssue]) -> PartialDate | None:
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
        today = uk_day(self._retrieved_at) if self._retrieved_at is not None else None
        for course in courses:
            if course["provenance"]["source_ref"] not in listed:
                mark(reading, course, "not_in_list")
            mark_conflicts(reading, course, today)
            judge_use(course)
        plans = [each.plan for each in self._plans]
        keep_apart(reading, [each.issue for each in self._issues])
        keep_apart(reading, plans)
        keep_apart(reading, courses)
        ids = {plan["provenance"]["source_ref"]: plan["item_id"] for plan in plans}
        for plan in plans:
            if "prior_plan_id" in plan:
                # A search date leaves an ended predecessor out; then its reference stays (§3.9).
                plan["prior_plan_id"] = ids.get(plan["prior_plan_id"], plan["prior_plan_id"])


def _origin(part: MedicationCourse | MedicationPlan | MedicationIssue) -> tuple[str, str]:
    """The reference, and what tells different resources of one reference apart."""
    return part["provenance"]["source_ref"], part["provenance"]["content_hash"]


def _based_on(resource: JsonObject) -> list[str]:
    """What a statement or request names as its basis, as `MedicationRequest/id`."""
    if "basedOn" not in resource:
        return []
    sent = resource["basedOn"]
    found: list[str] = []
    for each in sent if type(sent) is list else [sent]:
        target = target_of(each)
        if target is not None:
            found.append(target if "/" in target else f"MedicationRequest/{target}")
    return found


def _moment(retrieved_at: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(retrieved_at)
    except ValueError:
        return None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
