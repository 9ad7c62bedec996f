"""What was published for ADNI's tasks, to show beside our own."""

from fusekit.data import Published

_NOTE = (
    "Five-fold cross-validation, without intervals; neither the subjects nor the list of {} clinical values is "
    "published."
)
#: AD against normal cognition, ADNI1: table 1, image only, image and clinical values, full model.
AD = Published.table(
    *(1, _NOTE.format(237), 0.5),
    (66.73, 54.29, 73.68, 53.05, 74.64),
    (92.70, 86.18, 95.74, 90.35, 93.74),
    (95.52, 92.41, 96.96, 93.25, 96.53),
)

#: Progressive against stable MCI, ADNI2.
CONVERTERS = Published.table(
    *(2, _NOTE.format(234), 19.6),
    (67.41, 42.92, 82.33, 79.25, 71.25),
    (70.63, 50.42, 83.00, 75.67, 73.67),
    (74.06, 55.73, 85.13, 78.06, 77.38),
)
