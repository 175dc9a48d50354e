"""What all commands share: the two flags, errors of one line, types of options, and how results are printed."""

import contextlib
import json
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NoReturn

import click

from .._json import plain

INTERRUPTED = 130
"""Exit code after Ctrl-C: 128 and the number of the signal, as shells have it."""


class Failure(Exception):
    """The end of a command: the line for standard error and the exit code."""

    def __init__(self, line: str, exit_code: int):
        self.line, self.exit_code = line, exit_code
        super().__init__(line)


class Command(click.Command):
    """A command whose errors are one line, with fields spelt as the options that set them.

    Attributes:
        example: Command lines that are shown at the end of the help.
    """

    def __init__(self, *args: Any, example: str = "", **options: Any):
        super().__init__(*args, **options)
        self.example = example

    def make_context(self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any) -> click.Context:
        with one_line(f"{parent.command_path} {info_name}" if parent else str(info_name), self):
            return super().make_context(info_name, args, parent, **extra)

    def invoke(self, ctx: click.Context) -> Any:
        with one_line(ctx.command_path, self):
            return super().invoke(ctx)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        if self.example:
            with formatter.section("Example"):
                for line in self.example.strip().splitlines():
                    formatter.write(f"{'':{formatter.current_indent}}{line.strip()}\n")
        super().format_epilog(ctx, formatter)


@contextlib.contextmanager
def one_line(path: str, command: click.Command) -> Iterator[None]:
    """Turns what click and spiralsink raise about bad input, and an interruption, into a `Failure`."""
    try:
        yield
    except click.UsageError as error:
        raise Failure(f"{path}: {_usage_problem(error, command)}", 2) from None
    except KeyboardInterrupt:
        raise Failure("spiralsink: interrupted", INTERRUPTED) from None
    except BrokenPipeError:
        drop_stdout()
        raise click.exceptions.Exit(0) from None
    except (click.ClickException, click.exceptions.Exit, click.Abort, Failure):
        raise
    except Exception as error:
        # _errors imports NumPy, so it is not imported before something has failed
        from .._errors import InvalidInput, SpiralsinkError, TrainingFailed

        if not isinstance(error, SpiralsinkError):
            raise
        text = str(error)
        if isinstance(error, InvalidInput):
            text = f"{_option(error.field, command)} {error.problem}"
        raise Failure(f"{path}: {text}", 1 if isinstance(error, TrainingFailed) else 2) from None


def _usage_problem(error: click.UsageError, command: click.Command) -> str:
    if isinstance(error, click.NoSuchOption):
        from .._errors import nearest

        close = nearest(error.option_name, ["--help", *(name for each in command.params for name in each.opts)])
        return f"no such option {error.option_name}" + (f" (did you mean {close}?)" if close else "")
    if isinstance(error, click.MissingParameter) and error.param is not None:
        return f"{_spelling(error.param)} must be given, got nothing"
    message = error.format_message().rstrip(".")
    return message[:1].lower() + message[1:]


def _spelling(parameter: click.Parameter) -> str:
    return parameter.opts[0] if isinstance(parameter, click.Option) else parameter.metavar or str(parameter.name)


def _option(field: str, command: click.Command) -> str:
    for parameter in command.params:
        written = f"--{field.replace('_', '-')}"
        if isinstance(parameter, click.Option) and (field == parameter.name or written in parameter.opts):
            return parameter.opts[0]
    return field


def common(function: Callable[..., Any]) -> Callable[..., Any]:
    """Adds `--json` and `--quiet`."""
    function = click.option("--quiet", is_flag=True, help="No progress and no text, only files and the exit code.")(
        function
    )
    return click.option("--json", "as_json", is_flag=True, help="Print one JSON object and nothing else.")(function)


class _Word(click.ParamType):
    """A type that refuses with the package's own sentence."""

    def refuse(self, value: Any, param: click.Parameter | None, allowed: str) -> NoReturn:
        from .._errors import InvalidInput

        raise InvalidInput((param and param.name) or "value", value, allowed)


class Number(_Word):
    """A number."""

    name = "number"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        try:
            return float(value)
        except ValueError:
            self.refuse(value, param, "a number")


class Whole(_Word):
    """A whole number of at least `minimum`, and at most `maximum` if there is one."""

    name = "integer"

    def __init__(self, minimum: int = 1, maximum: int | None = None):
        self.minimum, self.maximum = minimum, maximum
        limits = f">= {minimum}" if maximum is None else f"from {minimum} to {maximum}"
        self._allowed = f"a whole number {limits}"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        try:
            number = int(value)
        except ValueError:
            self.refuse(value, param, self._allowed)
        inside = number >= self.minimum and (self.maximum is None or number <= self.maximum)
        return number if inside else self.refuse(number, param, self._allowed)


# a key of JAX has the lower 32 bits of its seed
SEED = Whole(0, 2**32 - 1)


class OneOf(click.Choice):
    """One of some words; the error names the nearest."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if value not in self.choices:
            from .._errors import check_choice

            check_choice((param and param.name) or "value", value, self.choices)
        return value


@contextlib.contextmanager
def writes_into(folder: Path, option: str = "out") -> Iterator[None]:
    """Spells errors about the folder, or about a path in it, as errors of the option that names it."""
    try:
        yield
    except Exception as error:
        from .._errors import InvalidInput, Shown, shorten

        # every name is below ".", also that of a field which is no path
        below = isinstance(error, InvalidInput) and folder in Path(error.field).parents and folder != Path()
        if not isinstance(error, InvalidInput) or not (below or error.field == str(folder)):
            raise
        value = error.value if isinstance(error.value, Shown) else shorten(error.value)
        raise InvalidInput(option, Shown(f"{error.field}: {value}"), error.allowed, hint=error.hint) from None


def progress(*, quiet: bool) -> Any:
    """A bar on standard error when that is a terminal and the user did not ask for silence."""
    from .._progress import NoProgress, TextProgress

    return NoProgress() if quiet else TextProgress()


def emit(result: dict[str, Any], text: str, *, as_json: bool, quiet: bool) -> None:
    """Prints the result: one JSON object, or text for a reader, or nothing. A reader who left changes nothing."""
    try:
        if as_json:
            click.echo(json.dumps(plain(result), allow_nan=False))
        elif not quiet:
            click.echo(text)
    except BrokenPipeError:
        drop_stdout()


def drop_stdout() -> None:
    """Lets what is still to be printed vanish, because the reader of the pipe left; exit would fail to flush it."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
