"""Clinical encoders."""
