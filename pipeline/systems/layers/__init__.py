"""Network parts that systems are made of."""
