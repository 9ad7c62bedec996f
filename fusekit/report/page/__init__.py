"""The page: HTML, tables and sentences."""
