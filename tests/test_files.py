"""Files are whole or as they were."""

import os
import stat

import pytest

from theodolite.files import UNFINISHED, replacing


def test_what_was_there_stands_until_the_new_is_complete(tmp_path):
    path = tmp_path / "report.html"
    path.write_bytes(b"old")
    with replacing(path) as file:
        file.write(b"new and longer")
        file.flush()
        assert path.read_bytes() == b"old"
        assert sum(each.name.startswith(UNFINISHED) for each in tmp_path.iterdir()) == 1
    assert path.read_bytes() == b"new and longer"
    assert [each.name for each in tmp_path.iterdir()] == ["report.html"]


@pytest.mark.parametrize("stop", [ValueError, KeyboardInterrupt, SystemExit])
def test_an_interruption_leaves_what_was_there_and_nothing_beside(tmp_path, stop):
    path = tmp_path / "report.html"
    path.write_bytes(b"old")

    def interrupted():
        with replacing(path) as file:
            file.write(b"half of the n")
            raise stop

    with pytest.raises(stop):
        interrupted()
    assert path.read_bytes() == b"old"
    assert [each.name for each in tmp_path.iterdir()] == ["report.html"]


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such permissions")
def test_permissions_are_kept_or_the_usual_ones(tmp_path):
    kept, fresh, usual = tmp_path / "kept", tmp_path / "fresh", tmp_path / "usual"
    kept.touch()
    kept.chmod(0o640)
    usual.touch()
    for path in (kept, fresh):
        with replacing(path) as file:
            file.write(b"x")
    assert stat.S_IMODE(kept.stat().st_mode) == 0o640
    assert stat.S_IMODE(fresh.stat().st_mode) == stat.S_IMODE(usual.stat().st_mode)


def test_a_name_at_the_limit_of_the_file_system_is_written(tmp_path):
    path = tmp_path / ("n" * 255)
    with replacing(path) as file:
        file.write(b"x")
    assert path.read_bytes() == b"x"
