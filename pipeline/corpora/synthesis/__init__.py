"""The demo corpora: emotional speech by a synthesiser, so that everything runs with no data."""
