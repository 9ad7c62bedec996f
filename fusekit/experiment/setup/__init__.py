"""Settings of a run, and everything that is prepared from them."""
