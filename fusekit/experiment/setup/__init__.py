"""What a run is asked to do, and everything that is made ready for it."""
