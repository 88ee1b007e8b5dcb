"""Audio: decode, mix down, resample, copies, and the files they are kept in."""
