"""The application: the bundled commands, those of plugins, and how errors end."""

import errno
import os
import sys
from importlib import metadata
from typing import Annotated, Any

import typer

from fusekit.cli.cache import cache
from fusekit.cli.commands import COMMANDS, DATA, FURTHER
from fusekit.disk import FULL
from fusekit.errors import FusekitError, Interrupted, NameTaken, SharedError
from fusekit.extension import Catalog, catalog
from fusekit.launch_environment import surroundings
from fusekit.terminal import Terminal, styled

#: Exit code of what a signal stopped, and what can be resumed: EX_TEMPFAIL of sysexits.h, "try again later".
STOPPED = 75


def program(plugins: Catalog) -> typer.Typer:
    """Put the command line together: the bundled commands, and those of every plugin.

    NameTaken if a plugin's command has the name of another; typer would let the later one win in silence.
    """
    cli = typer.Typer(
        name="fusekit",
        help="Fuse a medical image with a patient's table.",
        no_args_is_help=True,
        rich_markup_mode="markdown",
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    cli.callback(invoke_without_command=True)(_options)
    for command in COMMANDS:
        shown = cli.command(command.name, cls=command.cls, rich_help_panel=command.group, epilog=command.epilog)
        shown(command.function)
    words = "List, verify and clear slice stores and synthetic cohorts."
    cli.add_typer(cache, name="cache", help=words, rich_help_panel=DATA)
    owners = dict.fromkeys(_names(cli), "fusekit")
    for plugin in reversed(plugins.host.implementing("register_commands")):
        own = typer.Typer()
        plugins.host.call(plugin, "register_commands", cli=own)
        for name in _names(own):
            if name in owners:
                raise NameTaken(
                    f"the command {name!r} of {plugin} is already a command of {owners[name]!r}.\n{plugin.way_out}"
                )
            owners[name] = plugin.name
        infos: list[Any] = [*own.registered_commands, *own.registered_groups]
        for info in infos:
            if not isinstance(info.rich_help_panel, str):
                info.rich_help_panel = FURTHER
        cli.registered_commands += own.registered_commands
        cli.registered_groups += own.registered_groups
    return cli


def _options(version: Annotated[bool, typer.Option("--version", help="Print the version and stop.")] = False) -> None:
    if version:
        typer.echo(metadata.version("fusekit"))
        raise typer.Exit


def _names(cli: typer.Typer) -> list[str]:
    commands = [
        c.name or (c.callback.__name__.replace("_", "-") if c.callback else "") for c in cli.registered_commands
    ]
    return commands + [g.name or "" for g in cli.registered_groups]


def main() -> None:
    """Run the command line: 0 all well, 2 something the user can put right, 75 stopped by a signal, 130 by Ctrl-C."""
    try:
        try:
            program(catalog())()
        finally:
            if sys.stdout:  # it may be closed from the start
                sys.stdout.flush()  # what cannot be written is an error here, not when the interpreter has ended
    except Interrupted as stop:
        _print("stopped:", "bold yellow", stop)
        sys.exit(STOPPED)
    except FusekitError as error:
        _print("error:", "bold red", error)
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:  # `fusekit list | head`
        _mute()
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:
            _print("error:", "bold red", FusekitError(f"{str(error.filename)[:80]}... is longer than a name may be."))
            sys.exit(2)
        if error.errno not in FULL:
            raise
        _mute()
        _print("error:", "bold red", FusekitError(f"the output cannot be written: {error.strerror}."))
        sys.exit(2)


def _mute() -> None:
    """What is left to be printed goes nowhere."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _print(kind: str, style: str, what: FusekitError) -> None:
    process = ""
    if rank := surroundings().rank:  # one of several processes that train together
        if isinstance(what, SharedError):
            return  # the first one says it
        process = f"process {rank}: "
    Terminal(stderr=True).print(styled(process, (kind, style), f" {what}"), soft_wrap=True)
