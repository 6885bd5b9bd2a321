"""Reading FHIR leniently, one resource at a time; building what we send, strictly."""
