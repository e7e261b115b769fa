"""What Windows and macOS lack is not missed at import: every command at least starts there."""

from __future__ import annotations

import subprocess
import sys

import pytest

LESS = """
import importlib, os, pkgutil, signal, sys
for name in ("fcntl", "grp", "pwd", "resource", "termios"):
    sys.modules[name] = None
for name in ("O_NOFOLLOW", "O_NONBLOCK", "fork", "getuid", "mkfifo", "pread", "sched_getaffinity"):
    delattr(os, name)
for name in ("SIGALRM", "SIGHUP", "SIGKILL", "pthread_sigmask"):
    delattr(signal, name)
import action_spotting.cli
"""
PARSERS = """
from action_spotting.cli import program
for name in program.COMMANDS:
    program._module(name).build_parser().format_help()
"""
MODULES = """
for module in pkgutil.walk_packages(action_spotting.__path__, "action_spotting."):
    if not module.name.endswith("__main__"):
        importlib.import_module(module.name)
"""


@pytest.mark.parametrize("code", [PARSERS, pytest.param(MODULES, marks=pytest.mark.slow)])
def test_nothing_but_what_every_system_has_is_needed_to_start(code):
    done = subprocess.run([sys.executable, "-c", LESS + code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
