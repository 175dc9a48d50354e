"""The entry point: the table of commands, and how every ending becomes an exit code."""

import contextlib
import importlib
import os
import sys
from collections.abc import Sequence
from typing import Any

import click

from .._version import __version__
from ._command import INTERRUPTED, Command, Failure, drop_stdout
from ._interrupts import lasting_interrupts

# the one table of commands: name -> module with a `command`
COMMANDS = {
    "bench": "_bench",
    "claims": "_claims",
    "explore": "_explore",
    "export": "_export",
    "inspect": "_inspect",
    "optimum": "_optimum",
    "phase-diagram": "_phase_diagram",
    "reproduce": "_reproduce",
    "status": "_status",
    "sweep": "_sweep",
    "train": "_train",
}

_EXAMPLE = """
spiralsink optimum --delay 4 --hidden 2 --p 0.5
spiralsink train examples/train.toml --out results/train
eval "$(_SPIRALSINK_COMPLETE=bash_source spiralsink)"    # completion; also zsh_source, fish_source
"""


class LazyGroup(Command, click.Group):
    """A group whose commands are imported when they are asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        return importlib.import_module(f".{COMMANDS[cmd_name]}", __package__).command

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        if args and not args[0].startswith("-") and args[0] not in COMMANDS:
            from .._errors import check_choice

            check_choice("the command", args[0], self.list_commands(ctx))
        return super().resolve_command(ctx, args)


@click.command(cls=LazyGroup, invoke_without_command=True, example=_EXAMPLE)
@click.version_option(__version__, prog_name="spiralsink", message="%(prog)s %(version)s")
@click.pass_context
def group(ctx: click.Context) -> None:
    """How recurrent networks remember: temporal superposition and feature geometry."""
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a command line.

    Args:
        arguments: Words after the name of the program; those of the process if None.

    Returns:
        0 for success, 1 if a claim or check failed, 2 for bad input (with one line on standard error). 130 if
        interrupted. With `SPIRALSINK_DEBUG=1` an unexpected error keeps its traceback.
    """
    _keep_compiled()
    code = _run(sys.argv[1:] if arguments is None else list(arguments))
    if code == INTERRUPTED and arguments is None:
        # Python would tear down JAX in the middle of what it was doing, which can end in a segmentation fault
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(AttributeError, OSError):
                stream.flush()
        os._exit(code)
    return code


def _keep_compiled() -> None:
    """Lets JAX keep what it compiles, unless the user has said where; it is not loaded yet."""
    from .._machine import own_folder

    if "JAX_COMPILATION_CACHE_DIR" in os.environ:
        return
    if (folder := own_folder("xla")) is not None:
        os.environ["JAX_COMPILATION_CACHE_DIR"] = str(folder)
        os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0.3")


def _run(arguments: list[str]) -> int:
    try:
        with lasting_interrupts():
            code = group.main(args=arguments, prog_name="spiralsink", standalone_mode=False)
        if sys.stdout is not None:  # it is None when it was closed from the start
            sys.stdout.flush()
        return code if isinstance(code, int) else 0
    except Failure as failure:
        return _end(failure.line, failure.exit_code)
    except click.Abort:
        return _end("spiralsink: interrupted", INTERRUPTED)
    except BrokenPipeError:
        drop_stdout()
        return 0
    except Exception as error:
        if os.environ.get("SPIRALSINK_DEBUG") == "1":
            raise
        hint = "set SPIRALSINK_DEBUG=1 to see where"
        return _end(f"spiralsink: unexpected {type(error).__name__}: {error} ({hint})", 1)


def _end(line: str, code: int) -> int:
    click.echo(" ".join(line.split()), err=True)
    return code
