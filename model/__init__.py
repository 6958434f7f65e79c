"""The pure clinical core: staging, eGFR, units, features, risk and the outcome of an assessment.

Functions from frozen dataclasses to frozen dataclasses. No FHIR, no web, no network, no clock:
`now` is always an argument. Offline work lives in `model.training` and `model.validation`.
"""
