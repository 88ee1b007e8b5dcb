"""The web page: give a recording, see what trained models hear in it."""
