"""Which images, series and masks belong to the rows of a table."""
