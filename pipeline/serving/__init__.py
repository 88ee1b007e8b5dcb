"""A trained model as a thing by itself: prediction of new recordings."""
