"""Where the pack answers what JO- duties and CS-114 to CS-118 ask: a test holds that none is left out."""

from typing import Final

from bridge.assurance import Question

QUESTIONS: Final = (
    Question(
        ("CS-114", "JO-010"),
        "Has the supplier managed clinical risk as DCB0129 asks?",
        "Hazard log and safety case of the product are here; the named manufacturer, the clinical safety officer and the signatures are yours.",
        ("safety-case.html", "hazard-log.html"),
    ),
    Question(
        ("CS-115", "JO-011"),
        "Has the deploying organisation managed clinical risk as DCB0160 asks?",
        "Yours. Section 9 of the safety case says what you add, the hazard log which hazards are shared.",
        ("safety-case.html", "hazard-log.html"),
    ),
)
