"""What a run over clouds of points will look at: clouds from mappings, from stored features, from moments."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from theodolite.core import Cloud, CrossMoments, FeatureMaps, ParameterError, TargetRow, namespace
from theodolite.sources import Features, open_features
from theodolite.surveys.assembly import LEFT_OUT
from theodolite.surveys.errors import RunFolderError
from theodolite.surveys.folder import SURVEY_FILE, read_groups
from theodolite.surveys.journal import Inventory
from theodolite.surveys.spec import Survey

ARRAYS = "arrays"
"""Name of clouds that are given as a mapping of arrays."""

VIEW = "cloud"


@dataclass(frozen=True, eq=False)
class Item:
    """One cloud among many.

    Parameters
    ----------
    row : TargetRow
        What it is, with its fingerprint once it has been read.
    name : str
        Its name in its source.
    load : callable
        Gives the cloud.
    source : Features, CrossMoments or None
        What knows which rows its clouds have, and the moments of two together.
    rows : bool
        Whether the cloud has rows.
    maps : callable or None
        Gives the maps that the rows were made of, where it stood in a mapping.
    """

    row: TargetRow
    name: str
    load: Callable[[], Cloud]
    source: Any = None
    rows: bool = True
    maps: Callable[[], FeatureMaps] | None = None

    @property
    def look(self) -> str:
        """How it was looked at, and its shape, as keys hold them."""
        return f"{self.row.view} {self.row.shape}"

    def size(self, *, rows: bool) -> int:
        """Estimate what is remembered of the cloud at most.

        Parameters
        ----------
        rows : bool
            Whether a measure looks at the rows themselves, and may remember a number for each two of them.

        Returns
        -------
        int
            Bytes.
        """
        count, width = self.row.shape
        side = min(count, width)
        return 8 * (3 * count * width + side * side + (count * count if rows else 0))

    def read(self) -> Item:
        """Read the cloud once, and hash it.

        Returns
        -------
        Item
            With fingerprint and shape.
        """
        cloud = self.load()
        found = cloud.fingerprint()
        row = replace(
            self.row,
            shape=(cloud.count, cloud.width),
            dtype=str(getattr(cloud.points, "dtype", "float64")).rsplit(".", maxsplit=1)[-1],
            parameters=cloud.count * cloud.width,
            fingerprint="" if found is None else found.hex(),
        )
        return replace(self, row=row, rows="rows" in cloud.has)


@dataclass(frozen=True, eq=False)
class Group:
    """Clouds of one source: the layers of a model, or whatever stood in one mapping.

    Parameters
    ----------
    model : str
        Its name.
    items : tuple of Item
        The clouds, in order.
    left_out : tuple of TargetRow
        Those that the run doesn't look at.
    """

    model: str
    items: tuple[Item, ...]
    left_out: tuple[TargetRow, ...] = ()

    @property
    def inventory(self) -> Inventory:
        """Everything that the source holds, those left out at the end."""
        ids = [item.row.target for item in self.items] + [row.target for row in self.left_out]
        return Inventory(self.model, "theodolite", VIEW, tuple(ids))


def named_sources(given: Any) -> list[tuple[str, Any]]:
    """Open what clouds are given as.

    Parameters
    ----------
    given : any
        Mappings from name to array or Cloud, open feature files, their paths, `CrossMoments`; or mappings from the name
        of a model to one of these; one or a list of them.

    Returns
    -------
    list of (str, object)
        Each with a name for it.

    Raises
    ------
    ParameterError
        If it is none of these, or none at all.
    """
    several = list(given) if isinstance(given, list | tuple) else [given]
    if not several:
        raise ParameterError("items: the list is empty; give clouds")
    return [named for one in several for named in _named(one)]


def gathered(sources: Sequence[tuple[str, Any]], survey: Survey, *, paired: bool = True) -> list[Group]:
    """Make groups of clouds, and read each cloud once.

    Parameters
    ----------
    sources : sequence of (str, object)
        As `named_sources` gives them.
    survey : Survey
        Its `layers` chooses among them.
    paired : bool
        Whether row i of all of them must belong to one stimulus.

    Returns
    -------
    list of Group
        One for each, with names of their own.

    Raises
    ------
    ParameterError
        If one holds no clouds, or paired clouds have different numbers of rows or other stimuli.
    """  # noqa: DOC502 - raised by what is called
    names = _distinct([name for name, _ in sources])
    groups = [_group(name, one, survey) for name, (_, one) in zip(names, sources, strict=True)]
    if paired:
        _check_stimuli([one for _, one in sources if isinstance(one, Features)])
        _check_counts(groups)
    return groups


def _check_counts(groups: Sequence[Group]) -> None:
    counts: dict[int, str] = {}
    for group in groups:
        for item in group.items:
            # What was recorded here knows by itself which rows two layers share.
            if not isinstance(item.source, Features) or not item.source.kind(item.name):
                counts.setdefault(item.row.shape[0], item.row.target)
    if len(counts) > 1:
        (one, first), (other, second), *_ = counts.items()
        raise ParameterError(
            f"items: {first} has {one} rows and {second} has {other}; row i of all must belong to one stimulus"
        )


def _named(given: Any) -> list[tuple[str, Any]]:
    """Give each source with a name for it."""
    if isinstance(given, str | os.PathLike):
        given = open_features(given)
    if isinstance(given, Features):
        return [(given.origin.model or ("" if given.path is None else Path(given.path).stem) or ARRAYS, given)]
    if isinstance(given, CrossMoments):
        return [(ARRAYS, given)]
    if not isinstance(given, Mapping):
        raise ParameterError(
            f"items: got {type(given).__name__}; give a mapping from name to array, an open feature file, or its path"
        )
    nested = [isinstance(one, Mapping | CrossMoments) for one in given.values()]
    if not nested or not all(nested):
        return [(ARRAYS, given)]
    return [(str(name), one) for name, one in given.items()]


def _check_stimuli(features: Sequence[Features]) -> None:
    known = [one.origin for one in features if one.origin.stimuli]
    for one in known[1:]:
        if one.stimuli != known[0].stimuli:
            raise ParameterError(
                f"items: the features of {known[0].model} and {one.model} are of different stimuli; record both on the "
                "same data, or give the data one name where models take them in different forms: stimuli='…', --stimuli"
            )


def _distinct(names: Sequence[str]) -> list[str]:
    found: list[str] = []
    for name in names:
        number = sum(name == other for other in names[: len(found)])
        found.append(f"{name} {number + 1}" if number else name)
    return found


def _group(model: str, source: Any, survey: Survey) -> Group:
    names = [*source.names] if isinstance(source, CrossMoments) else [*source]
    if not names:
        raise ParameterError(f"items: {model} holds no clouds")
    kept, left_out = [], []
    for key in names:
        name = str(key)
        row = TargetRow(target=f"{model}:{name}", model=model, module=name, role="features", view=VIEW)
        if not survey.keeps(name, name):
            left_out.append(replace(row, listed_because=f"{LEFT_OUT} {survey.layers!r}"))
            continue
        kept.append(_item(row, source, key).read())
    if not kept:
        raise ParameterError(
            f"layers: {survey.layers!r} matches nothing in {model}; it has {', '.join(map(str, names[:8]))}"
        )
    return Group(model, tuple(kept), tuple(left_out))


def _item(row: TargetRow, source: Any, key: Any) -> Item:
    if isinstance(source, CrossMoments):
        return Item(row, key, lambda: source.cloud(key), source)
    if isinstance(source, Features):
        return Item(row, key, lambda: source[key], source)
    return _held(row, source[key])


def _held(row: TargetRow, given: Any) -> Item:
    """Take an array for a cloud; images of features are rows of their own, and maps where a measure asks for them."""
    if isinstance(given, FeatureMaps) or len(getattr(given, "shape", ())) == 4:
        maps = given.maps if isinstance(given, FeatureMaps) else given
        flat = namespace(maps).reshape(maps, (maps.shape[0], -1))
        return Item(row, row.module, lambda: Cloud(flat), maps=lambda: FeatureMaps.coerce(given))
    return Item(row, row.module, lambda: Cloud.coerce(given, name=row.module))


def check_kind(folder: Path, *, paired: bool) -> None:
    """Refuse a run folder that holds the other kind of readings of clouds: each kind has a page of its own.

    Parameters
    ----------
    folder : Path
        Where the run is to be kept.
    paired : bool
        Whether pairs of clouds will be read, or each cloud by itself.

    Raises
    ------
    RunFolderError
        If there is a run of the other kind.
    """
    if not (folder / SURVEY_FILE).is_file():
        return
    for group in read_groups(folder):
        clouds = {row.target for row in group.targets if row.view == VIEW}
        if any(bool(row.against) != paired for row in group.readings if row.target in clouds):
            held = "single clouds" if paired else "pairs of clouds"
            raise RunFolderError(folder, f"it is a run over {held}", "give another folder; nothing was changed")
