"""The report: one HTML page of all that was measured, which needs no network."""
