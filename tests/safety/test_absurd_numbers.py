"""Numbers that nobody means get a sentence before any work, whatever the option."""

from __future__ import annotations

import argparse

import pytest

from action_spotting.cli import command, program

ABSURD = ("-5", "1e308", "nan", "inf", "9" * 5000, "1e-320", "１２x", "", "0x10", "--")


def options_with_numbers() -> list[tuple[str, argparse.Action]]:
    """Every option of every command whose value is turned into a number of a limited range."""
    return [
        (name, action)
        for name in program.COMMANDS
        for action in program._module(name).build_parser()._actions
        if action.type is not None and action.type.__qualname__.startswith("number.")
    ]


def test_there_are_such_options_and_none_without_limits():
    found = {action.option_strings[-1] for _, action in options_with_numbers()}
    assert found >= {
        "--bootstrap",
        "--seed",
        "--window_before_s",
        "--start",
        "--batch_size",
        "--top",
    }
    for name in program.COMMANDS:
        for action in program._module(name).build_parser()._actions:
            settings = name == "train" and action.default is None  # checked all together
            assert action.type not in (int, float) or action.choices or settings, action


@pytest.mark.parametrize(("name", "action"), options_with_numbers())
def test_absurd_numbers_get_a_sentence(name, action, capsys):
    option = action.option_strings[-1]
    said = []
    for text in ABSURD:
        try:
            value = action.type(text)
        except argparse.ArgumentTypeError as error:
            said.append(str(error))
        else:
            assert abs(value) < 2**32
    assert len(said) >= len(ABSURD) - 2  # -5 and 1e-320 may be meant
    assert all("is not a" in text and len(text) < 120 for text in said)
    with pytest.raises(SystemExit, match="2"):
        count = action.nargs if isinstance(action.nargs, int) else 1
        program._module(name).main([option, *["1e308"] * count])
    names = "/".join(action.option_strings)
    assert f"argument {names}: '1e308' is not a" in capsys.readouterr().err


def test_a_number_without_limits_is_taken():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int)
    assert parser.parse_args(["--seed=-5"]).seed == -5
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=command.SEED)
    assert parser.parse_args(["--seed=5"]).seed == 5
