"""Where the pack answers what JO- duties and CS-114 to CS-118 ask: a test holds that none is left out."""

from typing import Final

from bridge.assurance import Question

QUESTIONS: Final = (
    Question(("CS-114", "JO-010"), "Has the supplier managed clinical risk as DCB0129 asks?", "Hazard log and safety case of the product are here; to name the manufacturer and its clinical safety officer, and their signatures, are yours.", ("safety-case.html", "hazard-log.html")),
    Question(("CS-115", "JO-011"), "Has the deploying organisation managed clinical risk as DCB0160 asks?", "Yours: section 9 of the safety case says what you add, the hazard log which hazards are shared.", ("safety-case.html", "hazard-log.html")),
    Question(("CS-116",), "Are the risks of searches over several areas in safety case and hazard log?", "Section 8 of the safety case and hazard HZ-03; take both into your own.", ("safety-case.html", "hazard-log.html#HZ-03")),
    Question(("CS-117", "JO-001", "JO-005", "JO-006", "JO-007"), "Is there technical accreditation, conformance and solution assurance, for each capability in use?", "Yours, for the deployed solution. What the product brings to it: each duty with its tests, what a simulator saw, and the scenarios of First of Type.", ("conformance.html", "requirements.html", "scenarios/index.html")),
    Question(("CS-118", "JO-029"), "Do user interfaces meet WCAG double-A?", "The screens of the EPR are yours. The pages of the console are looked at with axe, by the keyboard alone and narrow, in the product's tests.", ("requirements.html#JO-029", "scenarios/index.html")),
    Question(("JO-002", "JO-003", "JO-004"), "Are network, ASIDs and certificates, PDS and SDS accredited?", "Yours. How the product asks PDS and SDS, and what it needs, is in its requirements.", ("requirements.html#SP",)),
    Question(("JO-008",), "Was there a penetration test against the OWASP Top 10?", "Yours, of the deployed solution. Threats, the OWASP lists with their tests, and a brief for it are in the security part.", ("security.html",)),
    Question(("JO-009", "JO-028"), "Are the use cases of the user interface automated, and is it designed for its users?", "Yours, for the EPR's screens. The scenarios show what the product publishes to them.", ("scenarios/index.html",)),
    Question(("JO-012", "JO-032"), "Is safety compliance confirmed in the target operating model, and solution assurance signed off?", "Yours: the safety case lists what has to be signed.", ("safety-case.html", "operations.html")),
    Question(("JO-013", "JO-014", "JO-015", "JO-016"), "Are demographics compared, and differences told with both values?", "Yes, in every answer; raising the alert is the receiving system's. Hazard HZ-01 has the controls.", ("requirements.html#JO-013", "hazard-log.html#HZ-01")),
    Question(("JO-017",), "Is it used for direct care only?", "Each request says so, and so does each token; what is done with the events is yours.", ("conformance.html", "requirements.html#JO-017")),
    Question(("JO-018", "JO-019", "JO-020"), "Are law, data sharing, fair processing, network and information governance standards kept?", "Yours. What the product stores where, for how long and who can read it is in the information governance part.", ("information-governance.html", "operations.html")),
    Question(("JO-021", "JO-022", "JO-023"), "Did the patient permit it, and who may ask, in which setting?", "Yours: the bridge takes the request of a system that has controlled it, and names the real user.", ("hazard-log.html#HZ-13", "operations.html")),
    Question(("JO-024", "JO-025", "JO-026"), "Is every access audited, with the true user and organisation?", "Yes: a chained audit trail here, and user and organisation in the token of each call.", ("requirements.html#JO-024", "conformance.html", "information-governance.html")),
    Question(("JO-027",), "Can dissent be overridden?", "No.", ("requirements.html#JO-027",)),
    Question(("JO-030", "JO-031"), "Is a FHIR library used, and JSON sent?", "Yes.", ("requirements.html#JO-030",)),
    Question(("JO-033",), "Are parameters of GET kept out of unprotected logs?", "Yes in the product's logs; those of proxies on the way are yours.", ("requirements.html#JO-033",)),
)  # fmt: skip
