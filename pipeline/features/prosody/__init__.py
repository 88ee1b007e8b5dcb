"""The 103 DisVoice-style prosodic features, F0, and their arithmetic."""
