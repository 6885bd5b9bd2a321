"""What the practices of the sandbox hold for every patient, section by section (carerecord_html.md §2)."""

from datetime import date, timedelta

from bridge.sandbox.care_record.pages import Page, PageRow, PageTable

_TODAY = date(2025, 11, 20)
_ACUTE = (
    "Scheduled End Date is not always captured in the source; where it was not recorded, the displayed date "
    "is calculated from start date and days duration"
)
_REPEAT = (
    "The Review Date is that set for each Repeat Course. Reviews may be conducted according to a diary event "
    "which differs from the dates shown"
)
_DISCONTINUED = "All repeat medication ended by a clinician action"


def _day(days_ago: int) -> date:
    return _TODAY - timedelta(days=days_ago)


def _dated(*rows: tuple[int, tuple[str, ...]]) -> tuple[PageRow, ...]:
    """Rows that begin with their day, given as days ago."""
    return tuple(PageRow((_day(ago), *cells), _day(ago)) for ago, cells in rows)


ENCOUNTERS = PageTable(
    "Encounters",
    "enc-tab",
    ("Date", "Title", "Details"),
    _dated(
        (
            37,
            (
                "Sandbox Medical Centre, surgery",
                "Review of hypertension<br/>BP 138/84 mmHg, pulse 72 regular",
            ),
        ),
        (120, ("Sandbox Medical Centre, telephone", "Cough for 3 weeks &lt; 38&#176;C; safety-netted")),
        (
            409,
            ("Sandbox Medical Centre, home visit", "Fall at home. No injury &amp; no loss of consciousness"),
        ),
        (1600, ("Sandbox Medical Centre, surgery", "New patient check")),
    ),
)
CLINICAL_ITEMS = PageTable(
    "Clinical Items",
    "cli-tab",
    ("Date", "Entry", "Details"),
    _dated(
        (37, ("Hypertension monitoring", "Target &lt;140/90")),
        (409, ("Fall", "At home; walking stick advised")),
    ),
)
EMERGENCY_CODES = PageTable(
    "Emergency Codes",
    "cli-tab",
    ("Date", "Entry", "Details", "Location of further information"),
    _dated((409, ("Preferred place of care - home", "Discussed with daughter", "Community matron's notes"))),
    is_filtered=False,
)
ACTIVE_PROBLEMS = PageTable(
    "Active Problems and Issues",
    "prb-tab-act",
    ("Start Date", "Entry", "Significance", "Details"),
    _dated((3650, ("Essential hypertension", "Major", "")), (900, ("Type 2 diabetes mellitus", "Major", ""))),
    is_filtered=False,
)
MAJOR_INACTIVE = PageTable(
    "Major Inactive Problems and Issues",
    "prb-tab-majinact",
    ("Start Date", "End Date", "Entry", "Significance", "Details"),
    (PageRow((_day(5000), _day(4800), "Pneumonia", "Major", "Hospital admission"), _day(4800)),),
)
OTHER_INACTIVE = PageTable(
    "Other Inactive Problems and Issues",
    "prb-tab-othinact",
    ("Start Date", "End Date", "Entry", "Significance", "Details"),
    (PageRow((_day(700), _day(650), "Sprained ankle", "Minor", ""), _day(650)),),
)
CURRENT_ALLERGIES = PageTable(
    "Current Allergies and Adverse Reactions",
    "all-tab-curr",
    ("Start Date", "Details"),
    _dated((4000, ("Adverse reaction to penicillin: rash",)), (1200, ("Peanut allergy: anaphylaxis",))),
)
HISTORICAL_ALLERGIES = PageTable(
    "Historical Allergies and Adverse Reactions",
    "all-tab-hist",
    ("Start Date", "End Date", "Details"),
    (PageRow((_day(6000), _day(2500), "Egg allergy, outgrown")),),
)
ACUTE = PageTable(
    "Acute Medication (Last 12 Months)",
    "med-tab-acu-med",
    (
        "Type",
        "Start Date",
        "Medication Item",
        "Dosage Instruction",
        "Quantity",
        "Scheduled End Date",
        "Days Duration",
        "Additional Information",
    ),
    (
        PageRow(
            (
                "Acute",
                _day(120),
                "Amoxicillin 250mg capsules",
                "One to be taken three times a day",
                "15 capsule",
                _day(115),
                "5",
                "",
            ),
            _day(120),
        ),
        PageRow(
            (
                "Acute - Dentist",
                _day(200),
                "Metronidazole 400mg tablets",
                "One to be taken three times a day",
                "9 tablet",
                _day(197),
                "3",
                "<strong>CANCELLED: </strong>Not tolerated",
            ),
            _day(200),
        ),
    ),
    is_filtered=False,
    notes=(_ACUTE,),
)
REPEAT = PageTable(
    "Current Repeat Medication",
    "med-tab-curr-rep",
    (
        "Type",
        "Start Date",
        "Medication Item",
        "Dosage Instruction",
        "Quantity",
        "Last Issued Date",
        "Number of Prescriptions Issued",
        "Max Issues",
        "Review Date",
        "Additional Information",
    ),
    (
        PageRow(
            (
                "Repeat",
                _day(900),
                "Metformin 500mg tablets",
                "One to be taken twice a day",
                "56 tablet",
                _day(20),
                "11",
                "12",
                _day(-60),
                "",
            )
        ),
        PageRow(
            (
                "Repeat",
                _day(3650),
                "Amlodipine 10mg tablets",
                "One to be taken each day",
                "28 tablet",
                _day(20),
                "40",
                "",
                _day(-60),
                "<strong>CONTROLLED DRUG</strong><br/>Take with water",
            )
        ),
    ),
    is_filtered=False,
    notes=(_REPEAT,),
)
DISCONTINUED = PageTable(
    "Discontinued Repeat Medication",
    "med-tab-dis-rep",
    (
        "Type",
        "Last Issued Date",
        "Medication Item",
        "Dosage Instruction",
        "Quantity",
        "Discontinued Date",
        "Discontinuation Reason",
        "Additional Information",
    ),
    (
        PageRow(
            (
                "Repeat",
                _day(500),
                "Ramipril 5mg capsules",
                "One to be taken each day",
                "28 capsule",
                _day(480),
                "Cough",
                "DISCONTINUED: adverse effect",
            )
        ),
    ),
    is_filtered=False,
    notes=(_DISCONTINUED,),
)
ALL_MEDICATION = PageTable(
    "All Medication",
    "med-tab-all-sum",
    (
        "Type",
        "Start Date",
        "Medication Item",
        "Dosage Instruction",
        "Quantity",
        "Last Issued Date",
        "Number of Prescriptions Issued",
        "Discontinuation Details",
        "Additional Information",
    ),
    (
        PageRow(
            (
                "Repeat",
                _day(3650),
                "Amlodipine 10mg tablets",
                "One to be taken each day",
                "28 tablet",
                _day(20),
                "40",
                "",
                "",
            ),
            group="Amlodipine 10mg tablets",
        ),
        PageRow(
            (
                "Acute",
                _day(120),
                "Amoxicillin 250mg capsules",
                "One to be taken three times a day",
                "15 capsule",
                _day(120),
                "1",
                "",
                "",
            ),
            _day(120),
            "Amoxicillin 250mg capsules",
        ),
    ),
)
ALL_ISSUES = PageTable(
    "All Medication Issues",
    "med-tab-all-iss",
    (
        "Type",
        "Issue Date",
        "Medication Item",
        "Dosage Instruction",
        "Quantity",
        "Days Duration",
        "Additional Information",
    ),
    tuple(
        PageRow(
            (
                "Repeat",
                _day(ago),
                "Amlodipine 10mg tablets",
                "One to be taken each day",
                "28 tablet",
                "28",
                "",
            ),
            group="Amlodipine 10mg tablets",
        )
        for ago in (20, 48, 76)
    ),
)
REFERRALS = PageTable(
    "Referrals",
    "ref-tab",
    ("Date", "From", "To", "Priority", "Details"),
    _dated(
        (
            300,
            (
                "Dr Nichole Gilbert",
                "Sandbox General Hospital, Ophthalmology",
                "Routine",
                "Diabetic eye screening",
            ),
        )
    ),
)
OBSERVATIONS = PageTable(
    "Observations",
    "obs-tab",
    ("Date", "Entry", "Value", "Range", "Details"),
    _dated(
        (37, ("Blood pressure", "138/84 mmHg", "", "")),
        (40, ("Haemoglobin A1c level", "52 mmol/mol", "20 - 41", "Above range")),
        (400, ("Serum creatinine", "88 umol/L", "45 - 84", "")),
    ),
)
IMMUNISATIONS = PageTable(
    "Immunisations",
    "imm-tab",
    ("Date", "Vaccination", "Part", "Contents", "Details"),
    _dated((45, ("Seasonal influenza vaccination", "1", "Influenza", "Left arm"))),
)
ADMINISTRATIVE_ITEMS = PageTable(
    "Administrative Items",
    "adm-tab",
    ("Date", "Entry", "Details"),
    _dated((30, ("Letter received", "From ophthalmology")), (1600, ("Registered", "New patient"))),
)


def _last(table: PageTable, title: str, count: int) -> PageTable:
    return PageTable(title, table.id, table.columns, table.rows[:count], is_filtered=False)


PAGES = {
    page.code: page
    for page in (
        Page(
            "SUM",
            "Summary",
            (
                EMERGENCY_CODES,
                _last(ENCOUNTERS, "Last 3 Encounters", 3),
                ACTIVE_PROBLEMS,
                MAJOR_INACTIVE,
                CURRENT_ALLERGIES,
                ACUTE,
                REPEAT,
            ),
            takes_period=False,
        ),
        Page("ENC", "Encounters", (ENCOUNTERS,)),
        Page("CLI", "Clinical Items", (CLINICAL_ITEMS,)),
        Page("PRB", "Problems and Issues", (ACTIVE_PROBLEMS, MAJOR_INACTIVE, OTHER_INACTIVE)),
        Page(
            "ALL",
            "Allergies and Adverse Reactions",
            (CURRENT_ALLERGIES, HISTORICAL_ALLERGIES),
            takes_period=False,
        ),
        Page("MED", "Medications", (ACUTE, REPEAT, DISCONTINUED, ALL_MEDICATION, ALL_ISSUES)),
        Page("REF", "Referrals", (REFERRALS,)),
        Page("OBS", "Observations", (OBSERVATIONS,)),
        Page("IMM", "Immunisations", (IMMUNISATIONS,), takes_period=False),
        Page("ADM", "Administrative Items", (ADMINISTRATIVE_ITEMS,)),
    )
}
"""By section code; every patient's, unless `care_record_cases` says otherwise."""
