"""FHIR to `PatientSnapshot`: the one list of queries, the reader, tolerant mapping, code sets.

The only room that names fhirclient. Inbound FHIR is mapped entry by entry and nothing in it is trusted.
"""
