"""Each recipe of docs/recipes.md does what it says, as it stands there but for paths, the address and the key."""

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from stack.nginx import find_nginx
from tests.fixtures.storage import connected
from tests.integration.system import System
from tests.servers.availability import require
from tests.servers.ports import free_address
from tests.servers.processes import Program

ROOT = Path(__file__).parents[2]
DOCUMENT = (ROOT / "docs" / "recipes.md").read_text()

#: The blocks below each heading, in their order.
RECIPES = {
    section.partition("\n")[0]: re.findall(r"^```\w+\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)
    for section in DOCUMENT.split("\n## ")[1:]
}


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    folder = tmp_path_factory.mktemp("service")
    with System(folder, {"SMTP_URL": f"maildir:{folder}/mailbox", "REPEAT_WINDOW": "10s"}) as system:
        yield system


@pytest.fixture(scope="module")
def key(system: System) -> str:
    return system.key()


class Machine:
    """A machine on which the recipes are followed, below a folder.

    Args:
        folder: stands for the root of its files.
        system: the service.
        key: one of its keys.
    """

    def __init__(self, folder: Path, system: System, key: str) -> None:
        self._system = system
        self.key = key
        self.folder = folder
        self.bin = folder / "bin"
        self.bin.mkdir(parents=True)
        self._password = folder / "password"
        self._password.write_text(key)
        (command,) = RECIPES["A command for everybody"]
        self.install("messaging", command)
        (sendmail,) = RECIPES["sendmail"]
        self.install("sendmail", sendmail)

    def install(self, name: str, script: str) -> Path:
        path = self.bin / name
        path.write_text(self.here(script))
        path.chmod(0o755)
        return path

    def here(self, text: str) -> str:
        """A recipe for this machine."""
        for there, here in {
            "/usr/local/bin/": f"{self.bin}/",
            "/usr/local/sbin/": f"{self.bin}/",
            "/usr/sbin/": f"{self.bin}/",
            "/opt/messaging/.venv/bin/python": sys.executable,
            "/opt/messaging": str(ROOT),
            "/etc/messaging.key": str(self._password),
            "http://127.0.0.1:8080": f"http://{self._system.address}",
            "msg_KEY": self.key,
        }.items():
            text = text.replace(there, here)
        return text

    def run(self, *command: str | Path, stdin: str = "", **environ: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command,
            cwd=self.folder,
            env={"PATH": f"{self.bin}:/usr/bin:/bin", **environ},
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    def mail(self, subject: str) -> tuple[str, str]:
        """The recipient and the text of the one mail with that subject."""
        (mail,) = self.mails(subject)
        return mail

    def mails(self, subject: str) -> list[tuple[str, str]]:
        with connected(self._system.folder / "var" / "messaging.db") as connection:
            return connection.execute("SELECT recipient, text FROM mails WHERE subject = ?", (subject,)).fetchall()


@pytest.fixture
def machine(tmp_path: Path, system: System, key: str) -> Machine:
    return Machine(tmp_path / "recipes", system, key)


def hostname() -> str:
    return subprocess.run(["hostname"], capture_output=True, text=True, check=True).stdout.strip()


def test_every_recipe_has_a_test_here() -> None:
    assert list(RECIPES) == [
        "A command for everybody",
        "sendmail",
        "A line of a crontab",
        "A job that mails its last lines when it fails",
        "Python without a package",
        "A systemd unit that failed",
        "smartd",
        "unattended-upgrades",
        "GitHub: a workflow that failed",
        "GitHub: a webhook",
    ]


def test_a_command_for_everybody(machine: Machine) -> None:
    done = machine.run("messaging", "send", "me@example.com", "Hi", "--subject", "By everybody", "--wait")
    assert (done.returncode, done.stderr) == (0, "")
    assert machine.mail("By everybody") == ("me@example.com", "Hi")


def test_sendmail(machine: Machine) -> None:
    done = machine.run("sendmail", "-i", "www-data", stdin="Subject: By sendmail\n\nHi\n")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert machine.mail("By sendmail") == ("me@example.com", "Hi\n")


def test_a_line_of_a_crontab(machine: Machine) -> None:
    (line,) = RECIPES["A line of a crontab"]
    machine.install("backup", "#!/bin/sh\necho 42 GB; echo in 3 min >&2\n")
    *times, command = line.split(maxsplit=5)
    assert all(re.fullmatch(r"\*|\d+", time) for time in times)
    # cron(8) takes an unescaped % for the end of the line.
    assert "%" not in command
    done = machine.run("/bin/sh", "-c", machine.here(command))
    assert (done.returncode, done.stderr) == (0, "")
    assert machine.mail(f"Backup of {hostname()}") == ("me@example.com", "42 GB\nin 3 min\n")


def test_a_job_that_mails_its_last_lines_when_it_fails(machine: Machine) -> None:
    (script,) = RECIPES["A job that mails its last lines when it fails"]
    job = machine.install("nightly", script)
    done = machine.run(job)
    assert (done.returncode, done.stdout, done.stderr) == (1, "", "")
    recipient, text = machine.mail("nightly failed with code 1")
    assert recipient == "me@example.com"
    assert re.fullmatch(r"copying\ncp: .*/srv/data.*\n", text)
    odd = machine.install("monthly", script.replace('echo "copying"', r"printf 'Gr\366\337e\000\n'"))
    assert machine.run(odd).stderr == ""
    assert machine.mail("monthly failed with code 1")[1].startswith("Gr\ufffd\ufffde\ufffd\ncp: ")
    good = machine.install("weekly", script.replace("cp /srv/data /mnt/backup", "true"))
    assert machine.run(good).returncode == 0
    assert machine.mails("weekly failed with code 0") == []


def test_python_without_a_package(machine: Machine, system: System) -> None:
    (script,) = RECIPES["Python without a package"]
    environ = {"MESSAGING_URL": f"http://{system.address}", "MESSAGING_KEY": machine.key}
    done = machine.run(sys.executable, "-I", "-c", script, **environ)
    assert (done.returncode, done.stderr) == (0, "")
    assert machine.mail("From Python") == ("me@example.com", "42 GB")


def test_a_systemd_unit_that_failed(machine: Machine) -> None:
    require("systemd-analyze")
    mailing, failing = RECIPES["A systemd unit that failed"]
    (machine.folder / "mail-failure@.service").write_text(mailing)
    (machine.folder / "backup.service").write_text(failing)
    instance = machine.folder / "mail-failure@backup.service.service"
    instance.write_text(mailing)
    done = machine.run("systemd-analyze", "verify", "--man=no", machine.folder / "backup.service", instance)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    machine.install("systemctl", '#!/bin/sh\necho "$@" has failed\nexit 3\n')
    (command,) = re.findall(r"^ExecStart=/bin/sh -c '(.*)'$", mailing, re.MULTILINE)
    assert "$" not in command  # systemd would take it for its own
    done = machine.run("/bin/sh", "-c", command.replace("%i", "backup.service").replace("%H", "web1"))
    assert (done.returncode, done.stderr) == (0, "")
    words = "status --full --lines=20 backup.service has failed\n"
    assert machine.mail("backup.service failed on web1") == ("me@example.com", words)


def test_smartd(machine: Machine) -> None:
    line, script = RECIPES["smartd"]
    (called,) = re.findall(r" -m root -M exec (\S+)$", line, re.MULTILINE)
    mailer = machine.install(Path(called).name, script)
    done = machine.run(
        mailer,
        SMARTD_ADDRESS="root",
        SMARTD_SUBJECT="SMART error (CurrentPendingSector) detected on host: web1",
        SMARTD_FULLMESSAGE="Device: /dev/sda [SAT],\n8 Currently unreadable (pending) sectors",
    )
    assert (done.returncode, done.stderr) == (0, "")
    text = "Device: /dev/sda [SAT],\n8 Currently unreadable (pending) sectors\n"
    assert machine.mail("SMART error (CurrentPendingSector) detected on host: web1") == ("me@example.com", text)


def test_unattended_upgrades(machine: Machine) -> None:
    (settings,) = RECIPES["unattended-upgrades"]
    if shutil.which("apt-config"):
        (machine.folder / "settings").write_text(settings)
        read = machine.run("apt-config", "dump", APT_CONFIG=str(machine.folder / "settings")).stdout
        assert all(line in read for line in settings.splitlines())
    message = "Subject: unattended-upgrades result\nFrom: root\nTo: root\n\nAll upgrades installed\n"
    assert machine.run("sendmail", "-oi", "-t", stdin=message).returncode == 0
    assert machine.mail("unattended-upgrades result") == ("me@example.com", "All upgrades installed\n")


def test_github_a_workflow_that_failed(machine: Machine, system: System) -> None:
    (text,) = RECIPES["GitHub: a workflow that failed"]
    (step,) = YAML(typ="safe").load(text)
    assert (step["if"], step["env"]["MESSAGING_KEY"]) == ("failure()", "${{ secrets.MESSAGING_KEY }}")
    environ = {
        "MESSAGING_URL": f"http://{system.address}",
        "MESSAGING_KEY": machine.key,
        "GITHUB_RUN_ID": "1",
        "GITHUB_RUN_ATTEMPT": "2",
        "GITHUB_WORKFLOW": "CI & more",
        "GITHUB_REPOSITORY": "me/messaging",
        "GITHUB_SERVER_URL": "https://github.com",
    }
    for _ in range(2):  # it may be sent again
        done = machine.run("bash", "-e", "-c", step["run"], **environ)
        assert (done.returncode, done.stderr) == (0, "")
    url = "https://github.com/me/messaging/actions/runs/1"
    assert machine.mail("CI & more failed in me/messaging") == ("me@example.com", url)


def test_github_a_webhook(machine: Machine, tmp_path: Path) -> None:
    require("nginx")
    above, location = RECIPES["GitHub: a webhook"]
    (path,) = re.findall(r"^location = (\S+) ", location, re.MULTILINE)
    address = free_address()
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    folders = "".join(f"{kind}_temp_path {tmp_path}/{kind};" for kind in kinds)
    configuration = machine.folder / "nginx.conf"
    configuration.write_text(
        f"daemon off; pid {tmp_path}/pid; events {{}} http {{ access_log off; {folders}\n"
        f"{above} server {{ listen {address};\n{machine.here(location)} }} }}\n"
    )
    command = [find_nginx(), "-e", "stderr", "-c", str(configuration)]
    with Program(command, tmp_path / "nginx.out", {}, tmp_path) as nginx:
        nginx.wait_for_port(address)
        for event in ("push", "x&text=spam"):
            post(f"http://{address}{path}", event)
    assert machine.mail("GitHub: push") == machine.mail("GitHub: something") == ("me@example.com", "")


def post(url: str, event: str) -> None:
    body = ["-H", "Content-Type: application/json", "--data", '{"ref": "refs/heads/main"}']
    command = ["curl", "--fail", "-sS", "-H", f"X-GitHub-Event: {event}", *body, url]
    subprocess.run(command, check=True, capture_output=True)
