"""SMART App Launch client: which EHRs are trusted, discovery, authorization, tokens, identity, keys.

Knows OAuth and SMART; knows nothing clinical and nothing of the pages that follow a launch.
"""
