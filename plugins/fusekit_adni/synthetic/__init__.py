"""A synthetic cohort in the layout of a real download. Nobody in it exists."""

from fusekit_adni.synthetic.download import write_download

__all__ = ["write_download"]
