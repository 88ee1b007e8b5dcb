"""Pictures of what was measured, as SVG files that are the same byte for byte on every run."""
