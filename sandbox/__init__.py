"""The embedded EHR: SMART authorization server, FHIR R4 server, CDS Hooks client, real de-identified patients.

The product's demo and its testers' workbench. A stranger to the product: it imports none of its rooms.
"""
