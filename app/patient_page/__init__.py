"""The patient's page: reading, assessing, showing, and writing to the chart on a click."""
