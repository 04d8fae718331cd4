"""The bibliography: every source that is cited is there, complete, and can be written out again."""

import re
import unicodedata

import pytest

from theodolite.catalogue import measures
from theodolite.core.bibliography import BibliographyError, parse_references, reference, references

GOOD = """@article{hill1975simple,
  author = {Bruce M. Hill},
  title = {A simple general approach},
  journal = {The Annals of Statistics},
  year = {1975},
  doi = {10.1214/aos/1176343247}
}
"""


@pytest.mark.parametrize("key", sorted(references()))
def test_entry_is_complete(key):
    found = reference(key)
    first = unicodedata.normalize("NFKD", found.authors[0].split()[-1].lower())  # accents apart from their letters
    assert key.startswith(re.sub(r"[^a-z]", "", first))
    assert f"{found.year}" in key
    # The last part of the key is the first word of the title that says something.
    assert re.sub(r"[^a-z]+", "", key) in (
        re.sub(r"[^a-z]", "", first) + re.sub(r"[^a-z]", "", word.lower()) for word in re.split(r"[\s-]", found.title)
    )
    assert found.text.startswith(found.authors[0])
    assert found.title in found.text
    assert str(found.year) in found.text
    assert found.url.startswith("https://") or "isbn" in found.fields
    if found.doi:
        assert re.fullmatch(r"10\.\d{4,5}/\S+", found.doi)
    if found.arxiv:
        assert re.fullmatch(r"\d{4}\.\d{4,5}|[a-z-]+/\d{7}", found.arxiv)


def test_every_measure_cites_a_source_that_is_there():
    for measure in measures().values():
        assert measure.traits.cite in references(), measure.__name__


def test_citation_to_read():
    assert reference("clauset2009power").text == (
        "Aaron Clauset, Cosma Rohilla Shalizi and M. E. J. Newman (2009). Power-law distributions in empirical data. "
        "SIAM Review 51(4), 661–703. https://doi.org/10.1137/070710111"
    )
    assert reference("golub2013matrix").text.endswith(
        "Matrix Computations. Johns Hopkins University Press, 4th edition. ISBN 978-1-4214-0794-4"
    )
    assert "15th European Signal Processing Conference (EUSIPCO), pages 606–610." in reference("roy2007effective").text


def test_bibtex_is_written_as_bibtex_reads_it():
    assert reference("rudelson2007sampling").bibtex == (
        "@article{rudelson2007sampling,\n"
        "  author = {Mark Rudelson and Roman Vershynin},\n"
        "  title = {Sampling from large matrices: An approach through geometric functional analysis},\n"
        "  journal = {Journal of the ACM},\n"
        "  volume = {54},\n"
        "  number = {4},\n"
        "  pages = {21},\n"
        "  year = {2007},\n"
        "  doi = {10.1145/1255443.1255449},\n"
        "  eprint = {math/0503442},\n"
        "  archiveprefix = {arXiv}\n"
        "}"
    )


def test_address_prefers_what_lasts():
    written = GOOD.replace(
        "  doi = {10.1214/aos/1176343247}", "  arxiv = {1810.01075},\n  url = {https://example.org/x}"
    )
    found = parse_references(written)["hill1975simple"]
    assert found.url == "https://example.org/x"
    alone = parse_references(written.replace(",\n  url = {https://example.org/x}", ""))["hill1975simple"]
    assert alone.url == "https://arxiv.org/abs/1810.01075"
    assert reference("clauset2009power").url == "https://doi.org/10.1137/070710111"


def test_unknown_key_suggests_the_nearest():
    with pytest.raises(KeyError, match=r"no reference has the key 'hill1975simpel'; did you mean 'hill1975simple'\?"):
        reference("hill1975simpel")


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (GOOD + GOOD, "hill1975simple is there twice"),
        (GOOD[:-2], "the entry hill1975simple is not closed"),
        (GOOD.replace("@article", "@paper"), "is of kind 'paper'; choose from: article, book, inproceedings, misc"),
        (GOOD.replace("  year = {1975},\n", ""), "lacks the field year, which an entry of kind article needs"),
        (GOOD.replace("journal", "jornal"), "lacks the field journal"),
        (GOOD.replace("  year", "  jornal = {x},\n  year"), "has the field 'jornal'; did you mean 'journal'"),
        (GOOD.replace("  year", "  title = {x},\n  year"), "has the field title twice"),
        (GOOD.replace("{1975}", "{75}"), "has the year '75'"),
        (GOOD.replace("{1975}", "{{1975}}"), "line 5: expected a field"),
        (GOOD.replace("simple general", r"simple \emph general"), "line 3: expected a field"),
        (GOOD.replace("{1975},", "{1975}"), "line 6: expected a field"),
        (GOOD.replace("{1975},", "1975,"), "line 5: expected a field"),
        (
            GOOD.replace(",\n  doi = {10.1214/aos/1176343247}", ""),
            "can't be found without one of doi, arxiv, url and isbn",
        ),
        ("% a comment\n" + GOOD, "line 1: expected the start of an entry, '@article{key,', got '% a comment'"),
        (GOOD.replace("hill1975simple", "Hill75"), "line 1: expected the start of an entry"),
    ],
)
def test_what_is_not_in_our_form_is_refused(wrong, told):
    with pytest.raises(BibliographyError, match=re.escape(told)):
        parse_references(wrong)


def test_the_form_is_read():
    found = parse_references(f"\n{GOOD}\n")["hill1975simple"]
    assert (found.authors, found.year, found.kind) == (("Bruce M. Hill",), 1975, "article")
    assert found.text == (
        "Bruce M. Hill (1975). A simple general approach. The Annals of Statistics. "
        "https://doi.org/10.1214/aos/1176343247"
    )
