"""Notations: what holds for a column at once is what its cells say one by one."""

from hypothesis import given
from hypothesis import strategies as st

from fusekit.data.clinical.notation import ANY, POINT, POINTED, Notation, read, read_all, readings, several_readings

_TEXTS = st.lists(st.one_of(st.from_regex(r"-?[0-9]{1,4}([.,][0-9]{1,4})?", fullmatch=True), st.text(max_size=3)))


@given(_TEXTS, st.sampled_from([ANY, POINTED, (POINT,)]))
def test_a_column_has_several_readings_if_one_of_its_cells_has(
    texts: list[str], notations: tuple[Notation, ...]
) -> None:
    assert several_readings(texts, notations) == any(readings(text, notations) > 1 for text in texts)


@given(_TEXTS, st.sampled_from([*ANY, *POINTED]))
def test_a_column_is_read_as_its_cells_are(texts: list[str], notation: Notation) -> None:
    one_by_one = [read(text, notation) for text in texts]

    assert read_all(texts, notation) == (None if None in one_by_one else one_by_one)


def test_a_cell_has_as_many_readings_as_numbers_that_it_may_be() -> None:
    assert readings("1.250", ANY) == 2  # 1.25 and 1250
    assert readings("1.250", POINTED) == 1
    assert readings("1,250", POINTED) == 2
    assert readings("0.5", ANY) == readings("12", ANY) == 1
