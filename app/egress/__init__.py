"""The only way out: guarded, watched and broken-off calls to registered EHRs."""
