"""`ser bench gpu`: what a GPU computes beside a CPU, how fast, and in how much memory; a part a file."""
