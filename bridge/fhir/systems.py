"""Code and identifier systems of GP Connect. Compared exactly: systems are case-sensitive (CS-066)."""

SNOMED = "http://snomed.info/sct"
NULL_FLAVOR = "http://hl7.org/fhir/v3/NullFlavor"
SPINE_ERROR_CODE = "https://fhir.nhs.uk/STU3/CodeSystem/Spine-ErrorOrWarningCode-1"

NHS_NUMBER = "https://fhir.nhs.uk/Id/nhs-number"
ODS_ORGANISATION = "https://fhir.nhs.uk/Id/ods-organization-code"
EPS_LINE_ITEM = (
    "https://fhir.nhs.uk/Id/prescription-order-item-number",
    "https://fhir.nhs.uk/Id/eps-line-item-identifier",  # 1.2.x, and some live systems
)
UBRN = (
    "https://fhir.nhs.uk/Id/UBRN",
    "https://fhir.nhs.uk/Id/ubr-number",  # older pages of the specification
)
PROFESSIONAL_IDS = {
    "https://fhir.nhs.uk/Id/sds-user-id": "sds_user_id",
    "https://fhir.nhs.uk/Id/sds-role-profile-id": "sds_role_profile_id",
    "https://fhir.hl7.org.uk/Id/gmc-number": "gmc_number",
    "https://fhir.hl7.org.uk/Id/gmp-number": "gmp_number",
}

DELIVERY_CHANNEL = "gpconnect-deliverychannel"
BOOKING_ORGANISATION = "gpconnect-bookingorganisation"
PRACTITIONER_ROLE = "gpconnect-practitionerrole"
CANCELLATION_REASON = "gpconnect-appointmentcancellationreason"
"""Names of extensions; see `bridge.fhir.read.extension_name`."""

LIST_EMPTY_REASON = "listemptyreasoncode"
HL7_EMPTY_REASON = "list-empty-reason"
LIST_WARNING = "listwarningcode"
SECONDARY_LISTS = "gpconnect-secondarylistvalues"
PRESCRIPTION_TYPE = "prescriptiontype"
PRESCRIBING_AGENCY = "prescribingagency"
PROBLEM_SIGNIFICANCE = "problemsignificance"
JOB_ROLE = "sdsjobrolename"
NHS_NUMBER_VERIFICATION = "nhsnumberverificationstatus"
REGISTRATION_TYPE = "registrationtype"
LANGUAGE = "humanlanguage"
RECORD_SECTION = "gpconnect-record-section"
"""Names of code systems, without host and version; see `bridge.fhir.read.code_in`."""
