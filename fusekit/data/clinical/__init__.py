"""Tables, and clinical columns encoded as numbers."""
