"""A host and a port in, the review desk served there out.

Two doors open the same desk: `serve`, called by `moderation app`, and `streamlit run app.py` in a clone.
"""

import socket
from pathlib import Path
from typing import Final

from moderation.errors import InputError

__all__ = ["SCRIPT", "serve"]

SCRIPT: Final = Path(__file__).resolve().parent / "main.py"

LOOPBACK: Final = ("127.0.0.1", "localhost", "::1")
EVERYWHERE: Final = ("0.0.0.0", "::", "")  # noqa: S104 - named here to be told apart, not to be listened on


def serve(host: str = "127.0.0.1", port: int = 8501) -> None:
    """Serve the desk until it is interrupted.

    Without accounts the desk asks nobody for a password: on another host than loopback, whoever reaches the port can
    decide. Add people first (`moderation people add`), and put a proxy that speaks TLS in front of it.
    Raises `InputError` where the address cannot be had.
    """
    # Imported here: the command line reads this module for every command, and Streamlit takes most of a second.
    import uvicorn  # noqa: PLC0415
    from streamlit import config  # noqa: PLC0415
    from streamlit.starlette import App  # noqa: PLC0415

    from moderation.desk.guard import MIDDLEWARE, excuse, prepared  # noqa: PLC0415
    from moderation.desk.signin import ROUTES  # noqa: PLC0415

    listening = _listen(host, port)
    with listening:
        application = App(SCRIPT, middleware=MIDDLEWARE, routes=ROUTES, lifespan=prepared, on_script_error=excuse)
        # After App, which reads the package's own config.toml; an address that was asked for must also be let in.
        config.set_option("server.address", host)
        config.set_option("server.port", port)
        config.set_option("server.allowedHosts", ["*"] if host in EVERYWHERE else sorted({*LOOPBACK, host}))
        settings = uvicorn.Config(application, host=host, port=port, log_level="warning", access_log=False)
        uvicorn.Server(settings).run(sockets=[listening])


def _listen(host: str, port: int) -> socket.socket:
    # Bound here and not by uvicorn, so that a taken port is one line and not a log.
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
        listening.listen(128)
    except (OSError, OverflowError) as error:
        listening.close()
        raise InputError(
            f"{host}:{port}: cannot listen there ({getattr(error, 'strerror', None) or error}); "
            "stop what does, or give another --port"
        ) from error
    return listening
