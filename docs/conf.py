"""Configuration of the documentation; the catalogue pages are written from the measures themselves."""

from __future__ import annotations

import sys
from importlib.metadata import version as installed_version
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from catalogue_pages import write_catalogue

project = "theodolite"
author = "The theodolite developers"
copyright = "The theodolite developers"
release = installed_version("theodolite")
version = release

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.mathjax",
    "sphinx.ext.napoleon",
    "sphinx_design",
    "sphinx_gallery.gen_gallery",
    "sphinxcontrib.bibtex",
]
source_suffix = {".md": "markdown", ".rst": "restructuredtext"}
exclude_patterns = ["_build", "examples", "gallery/**/*.ipynb"]
nitpicky = False
html_theme = "pydata_sphinx_theme"
html_title = "theodolite"
html_static_path = ["_static"]
html_theme_options = {
    "show_toc_level": 2,
    "navigation_with_keys": True,
    "secondary_sidebar_items": ["page-toc"],
    "footer_start": ["copyright"],
    "footer_end": [],
}
myst_enable_extensions = ["colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3
autodoc_typehints = "none"
napoleon_google_docstring = False
napoleon_use_rtype = False
napoleon_custom_sections = [("Reads as", "notes_style"), ("Misleads when", "notes_style"), ("Cost", "notes_style")]
bibtex_bibfiles = ["../src/theodolite/core/references.bib"]
bibtex_default_style = "unsrt"
sphinx_gallery_conf = {
    "examples_dirs": "examples",
    "gallery_dirs": "gallery",
    "filename_pattern": r"plot_",
    "abort_on_example_error": True,
    "min_reported_time": 60,
    "download_all_examples": False,
    "show_memory": False,
    "plot_gallery": "True",
}

write_catalogue(Path(__file__).parent / "catalogue")
