"""`ser benchmark`: what probes, `pooled` and their fusion reach on given corpora, beside published figures."""
