"""The demo: embedded EHR and app side by side."""
