"""Surveys: every measure on every weight matrix, kept so that nothing is computed twice."""

from theodolite.core.progress import Progress as Progress
from theodolite.surveys.errors import RunFolderError as RunFolderError
from theodolite.surveys.folder import read_run as read_run
from theodolite.surveys.folder import set_aside as set_aside
from theodolite.surveys.lock import RunLocked as RunLocked
from theodolite.surveys.requests import Request as Request
from theodolite.surveys.run import survey as survey
from theodolite.surveys.spec import PRESETS as PRESETS
from theodolite.surveys.spec import Survey as Survey
