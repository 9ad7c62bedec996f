"""A synthetic cohort as a hospital would bring it. Nobody in it exists.

Nothing is imported here: the command line names the command of this package before anyone asks for a cohort.
"""
