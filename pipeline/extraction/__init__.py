"""Any extractor over any corpus: incremental, resumable, parallel, byte-reproducible."""
