"""Survival: what is known of people who were followed for different times."""
