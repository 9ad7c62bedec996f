"""Study tables, and the clinical columns read from them."""
