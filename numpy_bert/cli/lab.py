"""numpy-bert lab: a page in the browser on which a model can be changed and watched."""

from __future__ import annotations

import argparse

from ..errors import UsageError
from .command import Command
from .inputs import chosen_model
from .output import print_json, tell


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("text", nargs="?", metavar="TEXT", help="the text to begin with")
    port = "port of the loopback address (default: a free one)"
    parser.add_argument("--port", type=_port, default=0, metavar="N", help=port)
    parser.add_argument("--no-open", action="store_true", help="print the address and open no browser")


def _port(value: str) -> int:
    if not (value.isascii() and value.isdecimal() and 0 < int(value) < 65536):
        raise argparse.ArgumentTypeError(f"expected an integer from 1 to 65535, got {value!r}")
    return int(value)


def run(options: argparse.Namespace) -> int:
    from ..lab.server import Server
    from ..lab.session import Session

    session = Session(chosen_model(options), options.text)
    try:
        server = Server(session, options.port)
    except OSError as error:
        raise UsageError(f"--port {options.port}: cannot listen there: {error.strerror}; try another") from error
    with server:
        if options.json:
            print_json({"url": server.url})
        else:
            print(f"{server.url}\nThe lab runs until you press Ctrl-C.")
        _flush()
        if not options.no_open:
            _open(server.url)
        try:
            server.serve_forever(poll_interval=0.2)
        except KeyboardInterrupt:
            tell("the lab is closed")
    return 0


def _flush() -> None:
    """The address is read while the server runs, perhaps by a program at the other end of a pipe."""
    import sys

    if sys.stdout is not None:
        sys.stdout.flush()


def _open(url: str) -> None:
    import webbrowser

    if not webbrowser.open(url):
        tell("no browser found; open the address yourself")


COMMAND = Command(
    "lab",
    "Change a model in the browser and watch its answer change",
    add_arguments,
    run,
    'lab "The movie was good."',
)
