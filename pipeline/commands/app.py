"""`ser app`: trained models in a browser."""

from pathlib import Path

import click

from pipeline.commands.command import Command
from pipeline.commands.model_options import model_options
from pipeline.commands.options import FiniteRange


@click.command(cls=Command)
@click.argument("models", nargs=-1, required=True, metavar="MODEL [MODEL]")
@click.option("--host", default="127.0.0.1", show_default=True, help="Where to listen; 0.0.0.0 for others, too.")
@click.option("--port", type=click.IntRange(0, 65535), default=7860, show_default=True, help="0: any that is free.")
@click.option("--max-mb", type=click.IntRange(1, 1024), default=25, show_default=True, help="Of a recording.")
@click.option("--max-seconds", type=FiniteRange(1, 600), default=60.0, show_default=True, help="Of a recording.")
@click.option(
    "--concurrency", type=click.IntRange(1, 64), default=2, show_default=True, help="Recordings worked on at once."
)
@click.option(
    "--per-minute",
    type=click.IntRange(1),
    default=60,
    show_default=True,
    help="Requests of an address; more get 429.",
)
@model_options
def app(
    models: tuple[str, ...],
    host: str,
    port: int,
    max_mb: int,
    max_seconds: float,
    concurrency: int,
    per_minute: int,
    ssl_model: Path | None,
    download: bool,
    device: str | None,
) -> None:
    """Serve one trained MODEL, or two side by side, as a web page and an HTTP API, until Ctrl-C.

    MODEL is what `ser export` made, a folder or a .zip. The page records, takes files and has examples; the API is
    described at /api/docs. Nothing that visitors send is kept, and no other host is asked.

    Only this machine's own browsers and programs can ask, unless --host names an address that other machines reach.
    Anyone there can use the models then: put a server before it that encrypts (HTTPS) and knows its users. Browsers
    allow the microphone only over HTTPS or on localhost.
    """
    from pipeline.app import server
    from pipeline.app.limits import Limits
    from pipeline.errors import ParamsError
    from pipeline.serving.loading import load_classifier

    if len(models) > 2:
        raise ParamsError(f"{models[2]}: is a third model, and two can stand side by side; start another `ser app`")
    server.check_extra()
    limits = Limits(max_mb << 20, max_seconds, concurrency, per_minute=per_minute)
    with server.Address(host, port).listening() as listener:
        address = server.Address(host, listener.getsockname()[1])
        loaded = [load_classifier(model, ssl_model=ssl_model, download=download, device=device) for model in models]
        server.warm_up(loaded)
        if not address.is_loopback:
            click.echo(f"warning: --host {host}: anyone who reaches this machine can use the models", err=True)
            click.echo("warning: browsers allow the microphone only over HTTPS or on localhost", err=True)
        with server.application(server.named(loaded), limits, address.names()) as application:
            server.server(application, lambda: click.echo(address.url)).run([listener])
