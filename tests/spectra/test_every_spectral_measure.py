"""What all measures of a spectrum say of themselves."""

import pytest

from theodolite.catalogue import family, measures

SPECTRAL = [measure for measure in measures().values() if family(measure) == "spectra"]


@pytest.mark.parametrize("measure", SPECTRAL, ids=lambda measure: measure.__name__)
def test_the_docstring_says_where_a_square_hides(measure):
    assert "Where a square hides" in measure.__doc__
