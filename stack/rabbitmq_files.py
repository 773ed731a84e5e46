"""What a private RabbitMQ node is made of: scripts, configuration, plugins, cookie, environment."""

import os
import secrets
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Final

HOST: Final = "127.0.0.1"
NODE: Final = "messaging@localhost"

#: Where packages put the plain scripts. The ones on a Debian's PATH turn root into another user and write below /var.
_SCRIPTS: Final = Path("/usr/lib/rabbitmq/bin")


#: RabbitMQ brings dozens of plugins, all on the path on which Erlang looks for each of its thousand modules: without
#: them a start takes half of its time. These belong to every node, and those to the management page.
_PLUGINS: Final = ("rabbitmq_prelaunch",)
_MANAGEMENT: Final = ("rabbitmq_management", "rabbitmq_management_agent", "rabbitmq_web_dispatch")


def find_scripts() -> Path | None:
    """The folder with the plain `rabbitmq-server` and `rabbitmqctl`; None where RabbitMQ is not on this machine."""
    if (_SCRIPTS / "rabbitmq-server").exists():
        return _SCRIPTS
    found = shutil.which("rabbitmq-server", path=os.environ.get("PATH", "") + ":/usr/local/sbin:/opt/rabbitmq/sbin")
    return Path(found).resolve().parent if found else None


def write(directory: Path, port: int, management_port: int | None) -> None:
    """Write the files; the cookie, which the data's nodes know each other by, only once."""
    for name in ("data", "log"):
        (directory / name).mkdir(parents=True, exist_ok=True)
    (directory / "rabbitmq.conf").write_text(_configuration(port, management_port))
    (directory / "enabled_plugins").write_text("[rabbitmq_management].\n" if management_port else "[].\n")
    cookie = directory / ".erlang.cookie"
    if not cookie.exists():
        cookie.touch(mode=0o600)
        cookie.write_text(secrets.token_hex(20))
        cookie.chmod(0o400)  # Erlang refuses one that others might read


def link_home(directory: Path, scripts: Path, management: bool) -> Path:
    """Make what is installed anew below `directory`, of links, without the plugins that nobody wants.

    Args:
        directory: the node's.
        scripts: the folder with the plain scripts.
        management: whether the node is to serve the management page.

    Returns:
        the folder with the scripts to start; `scripts` where they do not lie beside the plugins.
    """
    installed = (scripts / "rabbitmq-server").resolve().parents[1]
    if not (installed / "plugins").is_dir():
        return scripts
    home = directory / "home"
    shutil.rmtree(home, ignore_errors=True)
    (home / "plugins").mkdir(parents=True)
    (home / "escript").symlink_to(installed / "escript")
    # A script finds its home by where it lies itself, behind all links.
    shutil.copytree(installed / "sbin", home / "sbin")
    wanted = _PLUGINS + (_MANAGEMENT if management else ())
    for plugin in (installed / "plugins").iterdir():
        # A plugin's name ends where its version begins. What RabbitMQ itself is made of is not called rabbitmq_….
        if not plugin.name.startswith("rabbitmq_") or plugin.name.partition("-")[0] in wanted:
            (home / "plugins" / plugin.name).symlink_to(plugin)
    return home / "sbin"


def _configuration(port: int, management_port: int | None) -> str:
    lines = [
        f"listeners.tcp.1 = {HOST}:{port}",
        # What it needs free before it blocks publishers: it is to run on a machine that is nearly full, too.
        "disk_free_limit.absolute = 10MB",
        "log.file.rotation.size = 10485760",
        "log.file.rotation.count = 3",
    ]
    if management_port:
        lines += [f"management.tcp.ip = {HOST}", f"management.tcp.port = {management_port}"]
    return "\n".join(lines) + "\n"


def vhosts(names: Sequence[str]) -> dict[str, object]:
    """Definitions of virtual hosts that guest may do everything in, as `rabbitmqctl import_definitions` reads them."""
    everything = {"user": "guest", "configure": ".*", "write": ".*", "read": ".*"}
    return {
        "vhosts": [{"name": name} for name in names],
        "permissions": [{"vhost": name, **everything} for name in names],
    }


def environment(directory: Path, distribution_port: int) -> dict[str, str]:
    """The whole environment of the node and of its `rabbitmqctl`: nothing of ours may leak into it.

    Erlang's nodes look up each other's ports at a daemon, epmd, that starts by itself and outlives them. Here nobody
    has to: `-erl_epmd_port` says where the one node is. That also spares the start a second Erlang machine, which is
    there to start epmd. RabbitMQ looks after epmd every minute all the same: hence ERL_FLAGS, for that machine too.
    """
    known_port = f"-erl_epmd_port {distribution_port}"
    fixed_port = f"-kernel inet_dist_listen_min {distribution_port} -kernel inet_dist_listen_max {distribution_port}"
    loopback = "-kernel inet_dist_use_interface {127,0,0,1}"
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "LANG": "C.UTF-8",
        "HOME": str(directory),
        "ERL_CRASH_DUMP_SECONDS": "0",
        "ERL_FLAGS": "-start_epmd false",
        "ERL_EPMD_PORT": "1",  # a node registers with an epmd if there is one; at this port there is none
        "RABBITMQ_NODENAME": NODE,
        "RABBITMQ_DIST_PORT": str(distribution_port),
        "RABBITMQ_CONF_ENV_FILE": str(directory / "none.conf"),  # not there: the machine's own is not for us
        "RABBITMQ_CONFIG_FILE": str(directory / "rabbitmq.conf"),
        "RABBITMQ_ADVANCED_CONFIG_FILE": str(directory / "none.config"),
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(directory / "enabled_plugins"),
        "RABBITMQ_MNESIA_BASE": str(directory / "data"),
        "RABBITMQ_LOG_BASE": str(directory / "log"),
        "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": f"-sname {NODE} {known_port} {fixed_port} {loopback}",
        "RABBITMQ_CTL_ERL_ARGS": f"{known_port} -dist_listen false",
        # The script then becomes the server, instead of staying as a parent that hands signals on.
        "RUNNING_UNDER_SYSTEMD": "true",
    }
