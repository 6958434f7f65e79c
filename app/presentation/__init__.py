"""View models: an outcome and its snapshot become the words and numbers the page prints. No markup, no Flask."""

from app.presentation.page import PageSetting, PatientPage, patient_page

__all__ = ["PageSetting", "PatientPage", "patient_page"]
