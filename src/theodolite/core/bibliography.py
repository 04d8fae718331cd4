"""Where every measure comes from: the bibliography that citation keys point into."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from types import MappingProxyType

from theodolite.core.names import closest

_FIELDS = {
    "article": ({"journal"}, {"volume", "number", "pages"}),
    "inproceedings": ({"booktitle"}, {"series", "volume", "pages", "publisher"}),
    "book": ({"publisher"}, {"edition", "isbn"}),
    "misc": ({"howpublished"}, set[str]()),
}
_COMMON = ({"author", "title", "year"}, {"doi", "arxiv", "url"})
_HEAD = re.compile(r"@([a-z]+)\{([a-z]+[0-9]{4}[a-z0-9]*),")
_FIELD = re.compile(r"  ([a-z]+) = \{([^{}\\]+)\}(,?)")
_ORDINALS = {"2": "2nd", "3": "3rd"}


class BibliographyError(ValueError):
    """A bibliography is not written as the reader expects; the message names the line."""


@dataclass(frozen=True)
class Reference:
    """A published source.

    Attributes
    ----------
    key : str
        Its citation key: ``"clauset2009power"``.
    kind : str
        ``"article"``, ``"inproceedings"``, ``"book"`` or ``"misc"``.
    fields : mapping of str to str
        What the entry says, in its order.
    """

    key: str
    kind: str
    fields: Mapping[str, str]

    @property
    def authors(self) -> tuple[str, ...]:
        """Names of the authors, first name first."""
        return tuple(self.fields["author"].split(" and "))

    @property
    def year(self) -> int:
        """Year of publication."""
        return int(self.fields["year"])

    @property
    def title(self) -> str:
        """The title."""
        return self.fields["title"]

    @property
    def doi(self) -> str:
        """The DOI; empty where it has none."""
        return self.fields.get("doi", "")

    @property
    def arxiv(self) -> str:
        """The arXiv id; empty where it has none."""
        return self.fields.get("arxiv", "")

    @property
    def url(self) -> str:
        """Where to find it: by DOI, else by its address, else on arXiv; empty for a book that has none."""
        if self.doi:
            return f"https://doi.org/{self.doi}"
        return self.fields.get("url") or (f"https://arxiv.org/abs/{self.arxiv}" if self.arxiv else "")

    @property
    def text(self) -> str:
        """A citation to read: authors, year, title, where it appeared, and its address."""
        *others, last = self.authors
        by = f"{', '.join(others)} and {last}" if others else last
        title = self.title if self.title.endswith(("?", "!")) else f"{self.title}."
        address = self.url or f"ISBN {self.fields['isbn']}"
        return f"{by} ({self.year}). {title} {self._venue()}. {address}"

    def _venue(self) -> str:
        told = self.fields
        pages = told.get("pages", "").replace("--", "–")
        if self.kind == "article":
            issue = f"({told['number']})" if "number" in told else ""
            place = f"{told['journal']} {told.get('volume', '')}{issue}".rstrip()
            return f"{place}, {pages}" if pages else place
        if self.kind == "book":
            edition = told.get("edition")
            number = f", {_ORDINALS.get(edition, f'{edition}th')} edition" if edition else ""
            return f"{told['publisher']}{number}"
        place = told.get("booktitle") or told["howpublished"]
        return f"{place}, pages {pages}" if pages else place

    @property
    def bibtex(self) -> str:
        """The entry as BibTeX reads it; an arXiv id stands as `eprint`."""
        written = dict(self.fields)
        if "arxiv" in written:
            written["eprint"] = written.pop("arxiv")
            written["archiveprefix"] = "arXiv"
        inside = ",\n".join(f"  {name} = {{{value}}}" for name, value in written.items())
        return f"@{self.kind}{{{self.key},\n{inside}\n}}"


def parse_references(text: str) -> dict[str, Reference]:
    """Read a bibliography in the plain form that theodolite writes its own in.

    One field a line, indented by two spaces, its value in braces without braces inside; entries of known kinds with
    known fields; nothing twice. Anything else is an error, so that no citation is lost in silence.

    Parameters
    ----------
    text : str
        The file's content.

    Returns
    -------
    dict of str to Reference
        By key, in the order of the file.

    Raises
    ------
    BibliographyError
        If a line is not of this form, or an entry lacks a field that its kind needs.
    """
    found: dict[str, Reference] = {}
    head: re.Match[str] | None = None
    fields: dict[str, str] = {}
    more = True
    for number, line in enumerate(text.splitlines(), start=1):
        where = f"line {number}"
        if head is None:
            head = _HEAD.fullmatch(line)
            if head is None and line.strip():
                raise BibliographyError(f"{where}: expected the start of an entry, '@article{{key,', got {line!r}")
            fields, more = {}, True
        elif line == "}":
            key, kind = head[2], head[1]
            _check(key, kind, fields, where)
            if key in found:
                raise BibliographyError(f"{where}: {key} is there twice")
            found[key] = Reference(key, kind, MappingProxyType(fields))
            head = None
        else:
            field = _FIELD.fullmatch(line)
            if field is None or not more:
                raise BibliographyError(f"{where}: expected a field, '  title = {{...}},', or '}}', got {line!r}")
            if field[1] in fields:
                raise BibliographyError(f"{where}: {head[2]} has the field {field[1]} twice")
            fields[field[1]], more = field[2].strip(), bool(field[3])
    if head is not None:
        raise BibliographyError(f"the entry {head[2]} is not closed")
    return found


def _check(key: str, kind: str, fields: Mapping[str, str], where: str) -> None:
    if kind not in _FIELDS:
        raise BibliographyError(f"{where}: {key} is of kind {kind!r}; {closest(kind, _FIELDS)}")
    needed, allowed = _COMMON[0] | _FIELDS[kind][0], _COMMON[1] | _FIELDS[kind][1]
    for name in sorted(needed - fields.keys()):
        raise BibliographyError(f"{where}: {key} lacks the field {name}, which an entry of kind {kind} needs")
    for name in fields:
        if name not in needed | allowed:
            raise BibliographyError(f"{where}: {key} has the field {name!r}; {closest(name, needed | allowed)}")
    if not re.fullmatch(r"(19|20)[0-9]{2}", fields["year"]):
        raise BibliographyError(f"{where}: {key} has the year {fields['year']!r}")
    if not {"doi", "arxiv", "url", "isbn"} & fields.keys():
        raise BibliographyError(f"{where}: {key} can't be found without one of doi, arxiv, url and isbn")


@functools.cache
def references() -> Mapping[str, Reference]:
    """Return the bibliography that theodolite carries.

    Returns
    -------
    mapping of str to Reference
        By key.
    """
    text = files("theodolite.core").joinpath("references.bib").read_text(encoding="utf-8")
    return MappingProxyType(parse_references(text))


def reference(key: str) -> Reference:
    """Return the source behind a citation key.

    Parameters
    ----------
    key : str
        As it stands in a measure's traits.

    Returns
    -------
    Reference
        The source.

    Raises
    ------
    KeyError
        If there is none; the message names the nearest.

    Examples
    --------
    >>> print(reference("hill1975simple").text)
    Bruce M. Hill (1975). A simple general approach to inference about the tail of a distribution. The Annals of
    Statistics 3(5), 1163–1174. https://doi.org/10.1214/aos/1176343247
    """
    known = references()
    if key not in known:
        raise KeyError(f"no reference has the key {key!r}; {closest(key, known)}")
    return known[key]
