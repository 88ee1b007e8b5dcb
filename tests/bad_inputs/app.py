"""Places that no server can listen at, and models that it cannot have, through `ser app`."""

import socket

from bad_inputs import export
from bad_inputs.registry import bad_input

TAKEN: list[socket.socket] = []
"""sockets that listen until the tests end"""


def app(folder, *options):
    export.write(folder)
    return ["app", "model", *options]


@bad_input("app: a port that is in use", says="cannot be listened on at 127.0.0.1 (Address already in use); give")
def port_in_use(folder):
    TAKEN.append(socket.create_server(("127.0.0.1", 0)))
    return app(folder, "--port", str(TAKEN[-1].getsockname()[1]))


@bad_input("app: an address of another machine", says="--host 192.0.2.1: is no address of this machine; give")
def foreign_address(folder):
    return app(folder, "--host", "192.0.2.1", "--port", "0")


@bad_input("app: a host that is no name", says="--host no such host: is no address of this machine (")
def no_host(folder):
    return app(folder, "--host", "no such host")


@bad_input("app: three models", says="model: is a third model, and two can stand side by side", code=2)
def three_models(folder):
    return app(folder, "model", "model")


@bad_input("app: a model that is not there", says="mode: ", code=2)
def no_model(folder):
    return ["app", "mode", "--port", "0"]
