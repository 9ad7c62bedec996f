"""A table with every kind of column, for the tests of encoders."""

from fusekit.data.clinical.layout import ColumnLayout, Place

#: A category of three, a number, a number with a mask, a category of two with a mask, a column never observed.
LAYOUT = ColumnLayout(
    (
        Place(0, 3, "category"),
        Place(3, 4),
        Place(4, 5, mask=7),
        Place(5, 7, "category", mask=8),
        Place(7, 7, "category", mask=9),
    )
)
