"""Offline: turns the public MIMIC-IV demo and Synthea records into the embedded EHR's data set.

Run by `python -m sandbox.build_patients`; the running EHR imports none of it.
"""
