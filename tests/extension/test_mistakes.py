"""Functions that were meant as hooks, and those that only look like it."""

from __future__ import annotations

import re
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from fusekit.extension import hookimpl
from fusekit.extension.mistakes import HOOKS, mistakes


def module(text: str, name: str = "third_party") -> ModuleType:
    made = ModuleType(name)
    exec("import fusekit\n" + text, vars(made))
    return made


HOOK = "@fusekit.hookimpl\n"
PARTIAL = "from functools import partial\n"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        # No decorator.
        ("def register(to): ...", "function 'register' is not decorated.*never be called.*@fusekit.hookimpl"),
        ("def register_commands(cli): ...", "function 'register_commands' is not decorated"),
        ("def read_image(path): ...", "function 'read_image' is not decorated"),
        ("def run_started(underway): ...", "function 'run_started' is not decorated"),
        ("def epoch_ended(run, epoch): ...", "function 'epoch_ended' is not decorated"),
        ("def run_ended(run): ...", "function 'run_ended' is not decorated"),
        ("register = lambda to: None", "function 'register' is not decorated"),
        # Mistyped, with and without.
        ("def regsiter(to): ...", "no hook is called 'regsiter'; did you mean 'register'"),
        ("def read_images(path): ...", "no hook is called 'read_images'; did you mean 'read_image'"),
        ("def epoch_end(run, epoch, scores): ...", "no hook is called 'epoch_end'; did you mean 'epoch_ended'"),
        ("def run_start(underway): ...", "no hook is called 'run_start'; did you mean 'run_started'"),
        ("def register_command(cli): ...", "no hook is called 'register_command'; did you mean 'register_commands'"),
        ("def readImage(path): ...", "no hook is called 'readImage'; did you mean 'read_image'"),
        (HOOK + "def regsiter(to): ...", "'regsiter' is decorated, but no hook .*; did you mean 'register'"),
        (HOOK + "def read_images(path): ...", "'read_images' is decorated, but no hook .*; did you mean 'read_image'"),
        (HOOK + "def epoch_end(scores): ...", "'epoch_end' is decorated, but no hook .*; did you mean 'epoch_ended'"),
        (HOOK + "def something_else(to): ...", "'something_else' is decorated, but no hook .*; known: register,"),
        ("@fusekit.hookimpl(specname='raed_image')\ndef mine(path): ...", "'mine' is decorated.*'raed_image'"),
        # Wrong arguments.
        (HOOK + "def register(registry): ...", "hook 'register' has no argument 'registry'; it has: to"),
        (HOOK + "def register(to, *, quick): ...", "hook 'register' has no argument 'quick'"),
        (HOOK + "def read_image(file): ...", "hook 'read_image' has no argument 'file'; it has: path"),
        (HOOK + "def epoch_ended(run, metrics): ...", "no argument 'metrics'; it has: run, underway, part, epoch,"),
        (HOOK + "def register(to=None): ...", "hook 'register' gives 'to' a default, so it would not receive it"),
        ("@fusekit.hookimpl(wrapper=True)\ndef read_image(path): yield", "hook 'read_image' is a wrapper"),
        # What runs nothing when it is called, or is never called.
        (HOOK + "def register(to): yield", "hook 'register' is a generator function, so calling it runs nothing"),
        (HOOK + "async def register(to): ...", "hook 'register' is an async function.*make it plain"),
        (HOOK + "async def run_ended(run): yield", "hook 'run_ended' is an async generator function"),
        ("from functools import cache\n" + HOOK + "@cache\ndef register(to): yield", "'register' is a generator"),
        (PARTIAL + "register = partial(lambda heads, to: None, {})", "'register' is a partial, which is never called"),
        (PARTIAL + "register = fusekit.hookimpl(partial(print))", "'register' is a partial, which is never called"),
        ("class Register:\n def __call__(self, to): ...\nregister = Register()", "'register' is a Register, .*never"),
        (HOOK + "class register: ...", "'register' is a class, which is never called as a hook: write a function"),
        # What was a hook before.
        (HOOK + "def register_heads(register): ...", r"'register_heads' .*earlier FuseKit.*`to\.head\("),
        (HOOK + "def register_clinical_encoders(register): ...", r"`to\.encoder\("),
        ("def register_tasks(register): ...", r"'register_tasks' .*earlier FuseKit.*`to\.task\("),
    ],
)
def test_what_would_be_passed_over_is_named_with_the_nearest(text: str, said: str) -> None:
    (found,) = mistakes(module(text))
    assert re.search(said, found), found


@pytest.mark.parametrize(
    "text",
    [
        HOOK + "def register(to): ...",
        HOOK + "def epoch_ended(scores, run): ...",
        HOOK + "def read_image(path, cache={}): ...",  # a default of its own
        "@fusekit.hookimpl(specname='read_image')\ndef read_mha(path): ...",
        "@fusekit.hookimpl(optionalhook=True)\ndef of_a_later_fusekit(to): ...",
        "def register_heads(to): ...",  # called by its own register
        "def register_all(to): ...",
        "def load_image(path): ...",
        "def read_image_header(path): ...",
        "def read_images(folder, pattern): ...",
        "def _regsiter(to): ...",
        "def registry(): ...",
        "def run(task): ...",
        "register = {}",
        "class register: ...",
        "from atexit import register",
        HOOK.replace("impl", "impl(specname='register')") + "def mine(to): return (n for n in ())",  # found when called
        "from inspect import signature as run_ended",
    ],
)
def test_what_only_looks_like_a_hook_is_left_alone(text: str) -> None:
    assert list(mistakes(module(text))) == []


class Base:
    def epoch_ended(self, epoch: int) -> None: ...


class Follower(Base):
    """An object as a plugin, as trackers are."""

    @property
    def register(self) -> Any:
        raise AssertionError("asking for it runs it")

    @hookimpl
    def run_started(self) -> None: ...

    @staticmethod
    def read_images(path: Path) -> None: ...


def test_objects_are_looked_at_as_modules_are() -> None:
    first, second = mistakes(Follower())
    assert first.startswith("the function 'epoch_ended' is not decorated")
    assert second.startswith("no hook is called 'read_images'; did you mean 'read_image'")
    assert list(mistakes(Follower)) != []  # a class instead of an instance: its functions lack a self


def test_every_hook_is_known() -> None:
    assert HOOKS["register"] == ("to",)
    assert HOOKS["epoch_ended"] == ("run", "underway", "part", "epoch", "scores")
    assert len(HOOKS) == 6
