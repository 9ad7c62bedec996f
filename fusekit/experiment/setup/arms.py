"""The arms of a comparison: one set of settings each, alike in all but what is trained and options of its own."""

from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import contextmanager
from typing import Any, TypeAlias

from fusekit.errors import FusekitError, OptionError
from fusekit.experiment.setup.given import merge
from fusekit.experiment.setup.parts import options_of, parts_of
from fusekit.experiment.setup.settings import VALIDATION, Settings, check_names, plain_values
from fusekit.extension import MODEL_PARTS, suggest
from fusekit.extension.options import convert

#: Defaults of a comparison: every subject is tested, and temperatures can be fitted.
ALWAYS: Mapping[str, Any] = {"folds": 5, "validation": VALIDATION}
#: The part of the launcher's options, which are no part of a comparison: they change no result.
LAUNCHER = "slurm"
#: Parts that some arms have and others lack; and all whose options may be those of one arm.
DIFFERENT = (*MODEL_PARTS, "baseline")
OWN = ("training", "objective", "augment", *DIFFERENT)


def arms_of(
    file: Mapping[str, Any], given: Mapping[str, Any], fusions: str | Sequence[str], baselines: str | Sequence[str]
) -> dict[str, Settings]:
    """Arm -> its settings, alike in all but options of parts; ``given`` wins over ``file``. An error names its arm."""
    asked = check_arms(file, given, fusions, baselines)
    arms = {}
    for name, own in asked.items():
        with named(name):
            arms[name] = Settings.of(merge(ALWAYS, own))
    return arms


def check_arms(
    file: Mapping[str, Any], given: Mapping[str, Any], fusions: str | Sequence[str], baselines: str | Sequence[str]
) -> dict[str, dict[str, Any]]:
    """Arm -> its settings as given, every name looked up without torch; otherwise as ``arms_of``.

    An option of ``ARM:part`` is for that arm. One of a part alone is for every arm that has the part, each of which
    must take it; one of a file, which may have been written for one arm, is for every arm that takes it.
    """
    baselines = listed("baselines", baselines)
    names = [*listed("fusions", fusions), *baselines]
    if len(names) < 2:
        raise OptionError("a comparison needs two arms or more: --fusion image-only,concat --baseline logistic.")
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise OptionError(f"{', '.join(twice)} is listed twice among the arms.")
    file = {name: value for name, value in file.items() if name not in ("devices", "nodes")}  # of one run
    common = plain_values(merge(file, given, {"fusion": "", "baseline": ""}))
    of_all = {part: own for part, own in common["options"].items() if part not in DIFFERENT and ":" not in part}
    of_all.pop(LAUNCHER, None)
    searched: dict[str, Any] = {name: common.pop(name) for name in ("search", "trials") if name in common}
    check_names({**common, "options": of_all})
    arms, has = {}, {}
    for name in names:
        plain = {**common, "baseline": name} if name in baselines else {**common, **searched, "fusion": name}
        with named(name):
            check_names({**plain, "options": {}})
            has[name] = {part: options_of(part, own) for part, own in parts_of(plain).items()}
        arms[name] = {**plain, "options": of_all}
    for name, plain in arms.items():
        arms[name] = merge(plain, *({"options": own} for own in _of_arm(name, file, given, has)))
        with named(name):
            check_names(arms[name])
    return arms


def listed(name: str, given: str | Sequence[str]) -> tuple[str, ...]:
    """Names from text with commas between them, or from a sequence of text; OptionError if it is neither."""
    found: tuple[str, ...] = convert(name, tuple[str, ...], given)
    return tuple(one.strip() for one in found if one.strip())


@contextmanager
def named(arm: str) -> Iterator[None]:
    """Name the arm in whatever is refused."""
    try:
        yield
    except FusekitError as error:
        raise type(error)(f"the arm {arm}: {error}") from error


#: Arm -> part -> names of its options; None where they are not known yet.
_Has: TypeAlias = Mapping[str, Mapping[str, AbstractSet[str] | None]]


def _of_arm(
    name: str, file: Mapping[str, Any], given: Mapping[str, Any], has: _Has
) -> Iterator[dict[str, dict[str, Any]]]:
    """The options of one arm beyond those of all, layer by layer: the file's, those given, and the arm's own."""
    mine = has[name]
    both = [layer.get("options") or {} for layer in (file, given)]
    for part, chosen in both[0].items():
        takes = mine.get(part)
        if part in mine:
            yield {part: {option: own for option, own in chosen.items() if takes is None or option in takes}}
    for part, chosen in both[1].items():
        if part in DIFFERENT and not any(part in parts for parts in has.values()):
            raise OptionError(f"none of the arms has the part {part!r}, for which an option is given.")
        if part in mine:
            _refuse_of_another(name, part, chosen, has)
            yield {part: dict(chosen)}
    for part, chosen in ((part, chosen) for layer in both for part, chosen in layer.items() if ":" in part):
        arm, _, own = part.partition(":")
        if arm not in has:
            raise OptionError(f"-o {part}...: no arm is called {arm!r}; {suggest(arm, has)}")
        if own not in OWN:
            raise OptionError(f"-o {part}...: options of one arm are those of {', '.join(OWN)}, not of {own!r}.")
        if arm == name:
            yield {own: dict(chosen)}


def _refuse_of_another(name: str, part: str, chosen: Mapping[str, Any], has: _Has) -> None:
    """An option that is given for all arms must fit each that has the part."""
    takes = has[name][part]
    for option, value in chosen.items():
        others = [arm for arm, parts in has.items() if option in (parts.get(part) or ())]
        if takes is not None and option not in takes and others:
            raise OptionError(
                f"the arm {name}: {part} has no option {option!r}, which {', '.join(others)} has. "
                f"For one arm: -o {others[0]}:{part}.{option}={value}"
            )
