"""Help, version, completion, colour, and what is loaded before anything is asked."""

import os
import re
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from theodolite.cli.app import build, main

COMMANDS = (
    "demo",
    "survey",
    "report",
    "compare",
    "track",
    "smooth",
    "allocate",
    "update-check",
    "gradients",
    "record",
    "similarity",
    "dimension",
    "text-dimension",
    "metrics",
    "corpus",
    "width",
    "transfer",
    "inspect",
    "list",
    "explain",
    "cite",
)
HEAVY = ("numpy", "scipy", "pandas", "torch", "altair", "joblib", "jinja2", "msgspec", "safetensors", "vl_convert")


def test_help_shows_every_command_with_a_line_and_where_to_start(cli):
    ran = cli("--help")
    assert ran.code == 0
    for command in COMMANDS:
        assert re.search(rf"│ {command} +\w[^│]+\.", ran.out)
    assert "theodolite demo" in ran.out
    assert cli().out == ran.out


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_teaches_by_examples_that_fit_80_columns(cli, command, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    ran = cli(command, "--help")
    assert ran.code == 0
    _, _, examples = ran.out.partition("\nExamples\n")
    shown = [line for line in examples.splitlines() if line.startswith("  ")]
    assert sum(line.startswith(f"  theodolite {command}") for line in shown) >= 2
    assert all(line.startswith("  theodolite ") for line in shown), shown
    assert ran.out.endswith("\n")
    assert "--no-no" not in ran.out
    assert "[default: None]" not in ran.out
    assert "[default: False]" not in ran.out


@pytest.mark.parametrize("command", COMMANDS)
def test_examples_parse(command, monkeypatch):
    """Every example in the help is a command line that the parser accepts."""
    import shlex

    from theodolite.cli import app

    module = next(module for name, _, module in app._COMMANDS if name == command)
    for line in module.EXAMPLES.splitlines():
        if line.startswith("  theodolite"):
            words = shlex.split(re.split(r"\s{2,}| [|>] ", line.strip())[0])
            build().parse_args(words[1:], print_error=False, exit_on_error=False)


def test_every_option_is_explained(cli):
    for command in COMMANDS:
        for line in cli(command, "--help").out.splitlines():
            option = re.match(r"│ +(\*  )?(--[\w-]+|[A-Z]+)( -\w)?( [A-Z.]+)? *│", line)
            assert option is None, line


def test_version(cli):
    assert cli("--version").out.strip() == version("theodolite")


def test_unknown_command_is_suggested(cli):
    ran = cli("surveyy")
    assert ran.code == 2
    assert 'Did you mean "survey"?' in ran.err
    assert "theodolite --help" in ran.err


def test_missing_path_points_to_the_help(cli):
    ran = cli("survey")
    assert ran.code == 2
    assert "PATH" in ran.err
    assert "theodolite survey --help" in ran.err


def test_nothing_heavy_is_loaded_for_help():
    asked = "import sys; from theodolite.cli.app import main; main({}); print(*sys.modules, file=sys.stderr)"
    for arguments in ([], ["--help"], ["--version"], ["survey", "--help"], ["explain", "--help"]):
        done = subprocess.run(
            [sys.executable, "-c", asked.format(arguments)], capture_output=True, text=True, check=True
        )
        loaded = {name.partition(".")[0] for name in done.stderr.split()}
        assert loaded.isdisjoint(HEAVY), sorted(loaded & set(HEAVY))
        assert "theodolite" in loaded


def test_python_m_is_the_same_command(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "theodolite", "inspect", "nowhere"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 4
    assert done.stdout == ""
    assert done.stderr.startswith("error: nowhere")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_knows_commands_and_options(shell):
    script = build().generate_completion(shell=shell)
    for word in (*COMMANDS, "layers", "weightwatcher", "bibtex"):
        assert word in script


@pytest.mark.skipif(sys.platform == "win32", reason="shells of Unix")
def test_completion_installs_for_the_shell(tmp_path):
    environment = {**os.environ, "HOME": str(tmp_path), "SHELL": "/bin/bash"}
    command = [sys.executable, "-m", "theodolite", "--install-completion", "--shell", "bash"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    written = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert any("theodolite" in path.read_text() and "survey" in path.read_text() for path in written)


def test_colour_obeys_the_environment(cli, monkeypatch):
    plain = cli("explain", "nonsense").err
    assert "\x1b" not in plain
    monkeypatch.setenv("FORCE_COLOR", "1")
    coloured = cli("explain", "nonsense").err
    assert re.search(r"\x1b\[[0-9;]*31m", coloured)
    monkeypatch.setenv("NO_COLOR", "1")
    assert not re.search(r"\x1b\[[0-9;]*3[0-9]", cli("explain", "nonsense").err)


def test_forced_colour_leaves_data_clean(cli, checkpoint, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    for command in (
        ("inspect", checkpoint, "--json"),
        ("list", "--json"),
        ("survey", checkpoint, "--json", "-m", "hill", "--no-report"),
    ):
        assert "\x1b" not in cli(*command).out


def test_a_terminal_without_the_letters_is_no_reason_to_fail(tmp_path):
    environment = {**os.environ, "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
    for command in (["list"], ["explain", "power_law"], ["--help"]):
        done = subprocess.run(
            [sys.executable, "-m", "theodolite", *command], env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr


def test_main_returns_codes_and_reads_the_process_arguments(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["theodolite", "explain", "no such thing"])
    assert main() == 2
    capsys.readouterr()


def test_an_unforeseen_error_is_not_hidden(cli, checkpoint, monkeypatch):
    monkeypatch.setattr("theodolite.surveys.survey", lambda *_, **__: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        cli("survey", checkpoint)


def test_interrupt_anywhere_is_130(cli, monkeypatch):
    def stop() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("theodolite.catalogue.measures", stop)
    ran = cli("list")
    assert ran.code == 130
    assert "Traceback" not in ran.err
    assert Path().exists()
