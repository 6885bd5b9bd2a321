"""The products, allergens and issues that the scenario records are made of."""

from bridge.sandbox.structured.elements import CourseIssue, coded

AMLODIPINE = coded("319284000", "Amlodipine 10mg tablets")
AMOXICILLIN = coded("323509004", "Amoxicillin 250mg capsules")
ASPIRIN = coded("319773006", "Aspirin 75mg dispersible tablets")
ATORVASTATIN = coded("320030001", "Atorvastatin 20mg tablets")
CITALOPRAM = coded("321987003", "Citalopram 20mg tablets")
FUROSEMIDE_20 = coded("317971007", "Furosemide 20mg tablets")
FUROSEMIDE_40 = coded("317972000", "Furosemide 40mg tablets")
METFORMIN = coded("325278007", "Metformin 500mg tablets")
OMEPRAZOLE = coded("317291008", "Omeprazole 20mg gastro-resistant capsules")
PARACETAMOL = coded("322280009", "Paracetamol 500mg capsules")
SALBUTAMOL = coded("39113611000001102", "Salbutamol 100micrograms/dose inhaler CFC free")
TEST_STRIPS = coded("7267911000001107", "Contour testing strips (Ascensia Diabetes Care UK Ltd)")
PRODUCTS = (AMLODIPINE, ASPIRIN, ATORVASTATIN, CITALOPRAM, FUROSEMIDE_40, METFORMIN, OMEPRAZOLE, PARACETAMOL)

PENICILLIN = coded("91936005", "Allergy to penicillin")
LATEX = coded("300916003", "Latex allergy")
PEANUT = coded("91935009", "Allergy to peanuts")
NO_KNOWN_ALLERGY = coded("716186003", "No known allergy")
DEGRADED_DRUG_ALLERGY = coded(
    "196461000000101", "Transfer-degraded drug allergy", text="Trimethoprim allergy (imported)"
)
DEGRADED_OTHER_ALLERGY = coded(
    "196471000000108", "Transfer-degraded non-drug allergy", text="Dust from the old mill"
)
DEGRADED_MEDICATION = coded(
    "196421000000109",
    "Transfer-degraded medication entry",
    text="Coal tar 5% in emulsifying ointment, special",
)

RASH = {"manifestation": [coded("271807003", "Skin rash")], "severity": "mild"}
ANAPHYLAXIS = {"manifestation": [coded("39579001", "Anaphylaxis")], "severity": "severe"}
MONTHLY = (
    CourseIssue("2025-08-29", "2025-09-25"),
    CourseIssue("2025-09-26", "2025-10-23"),
    CourseIssue("2025-10-24", "2025-11-20", "active"),
)
