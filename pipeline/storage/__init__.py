"""The feature file, and the journal of a long job."""
