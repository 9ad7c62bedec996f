"""A synthetic cohort in the layout of a real download. Nobody in it exists.

Nothing is imported here: the command line names the command of this package before anyone asks for a cohort.
"""
