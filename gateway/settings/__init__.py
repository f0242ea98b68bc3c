"""gateway.toml to types: all faults at once, with file and line; paths are relative to the file."""

from gateway.settings.load import Loaded, load_settings
from gateway.settings.model import GatewaySettings, LocalSettings, RouteSettings, SftpSettings, WebSettings
from gateway.settings.routes import LoadedRoute

__all__ = [
    "GatewaySettings", "Loaded", "LoadedRoute", "LocalSettings", "RouteSettings", "SftpSettings", "WebSettings",
    "load_settings",
]  # fmt: skip
