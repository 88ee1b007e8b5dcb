"""Protocols, cross-validation, predictions, decision fusion."""
