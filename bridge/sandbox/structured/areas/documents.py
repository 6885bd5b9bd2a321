"""What is said about documents: it comes with what names them and cannot be asked for (§5.8)."""

from bridge.sandbox.structured.areas.spec import PracticeArea

DOCUMENTS = PracticeArea(
    parameter="DocumentReferences",
    words="Document",
    main_list=None,
    in_consultations="documents contained in consultations",
    in_problems="documents related to problems",
)
