"""Sheets of workbooks: values from a library, what a table must not be made of from their XML."""
