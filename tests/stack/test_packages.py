"""Finding what is missing and installing it, with a system that is only pretended."""

import os
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from stack import apt, packages
from stack.errors import MissingError

ROOT = Path(__file__).parents[2]


class System:
    """A folder that stands for a machine: its programs write down how they were called."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.programs = folder / "usr/bin"
        self.programs.mkdir(parents=True)
        (folder / "usr/sbin").mkdir()
        (folder / "run").mkdir()
        self._calls = folder / "calls"

    def add(self, name: str, does: str = "") -> None:
        program = self.programs / name
        program.write_text(f'#!/bin/sh\necho "{name} $*" >> {self._calls}\n{does}\n')
        program.chmod(program.stat().st_mode | stat.S_IXUSR)

    def add_unit(self, name: str) -> None:
        unit = self.folder / "lib/systemd/system" / name
        unit.parent.mkdir(parents=True, exist_ok=True)
        unit.touch()

    @property
    def policy(self) -> Path:
        return self.folder / "usr/sbin/policy-rc.d"

    @property
    def calls(self) -> list[str]:
        return self._calls.read_text().splitlines() if self._calls.exists() else []


@pytest.fixture
def system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> System:
    system = System(tmp_path)
    for name in ("apt-get", "systemctl", "update-rc.d", "debconf-set-selections"):
        system.add(name)
    monkeypatch.setenv("PATH", f"{system.programs}:/usr/bin:/bin")
    return system


def test_a_program_is_missing_until_it_is_there(system: System) -> None:
    assert packages.missing(["nginx"], str(system.programs)) == ["nginx"]
    system.add("nginx")
    assert packages.missing(["nginx"], str(system.programs)) == []


def test_all_programs_of_a_requirement_have_to_be_there(system: System) -> None:
    system.add("buildah")
    assert packages.missing(["image"], str(system.programs)) == ["image"]
    system.add("debootstrap")
    assert packages.missing(["image"], str(system.programs)) == []


def test_packages_are_installed_without_questions_removals_and_recommendations(system: System) -> None:
    apt.install(["postfix"], answers=["postfix postfix/main_mailer_type select No configuration"], root=system.folder)
    asked, update, install = system.calls
    assert asked == "debconf-set-selections "
    assert update == "apt-get update -q"
    assert install.endswith("-- postfix")
    for option in ("--yes", "--no-install-recommends", "--no-remove", "-o DPkg::Lock::Timeout="):
        assert option in install


def test_services_are_refused_while_their_package_is_installed(system: System) -> None:
    seen = system.folder / "seen"
    ask = "; ".join(
        f'{system.policy} {asked}; echo "{name} $?" >> {seen}'
        for name, asked in {
            "by systemd": "nginx.service start",
            "by the init script": "--quiet nginx start 2",
            "another": "--quiet cron restart",
        }.items()
    )
    system.add("apt-get", f'case "$1" in install) {ask} ;; esac')
    apt.install(["nginx"], units=["nginx.service"], root=system.folder)
    assert seen.read_text().splitlines() == ["by systemd 101", "by the init script 101", "another 0"]
    assert not system.policy.exists()


def test_a_refusal_that_was_left_behind_by_a_crash_refuses_nothing(system: System) -> None:
    left = system.folder / "left"
    system.add("apt-get", f'case "$1" in install) cp {system.policy} {left} ;; esac')
    apt.install(["nginx"], units=["nginx.service"], root=system.folder)
    script = left.read_text().replace(f"/proc/{os.getpid()} ", "/proc/999999999 ")
    assert subprocess.run(["sh", "-c", script, "policy", "nginx", "start"], check=False).returncode == 0


def test_what_was_just_installed_does_not_start_with_the_machine(system: System) -> None:
    script = system.folder / "etc/init.d/nginx"
    script.parent.mkdir(parents=True)
    system.add("apt-get", f'case "$1" in install) touch {script} ;; esac')
    apt.install(["nginx"], units=["nginx.service", "epmd.socket"], root=system.folder)
    assert system.calls[2:] == [
        "update-rc.d nginx disable",
        "systemctl --quiet disable nginx.service",
        "systemctl --quiet disable epmd.socket",
    ]


def test_a_service_that_was_there_before_is_left_alone(system: System) -> None:
    system.add_unit("nginx.service")
    apt.install(["nginx"], units=["nginx.service"], root=system.folder)
    assert [call for call in system.calls if not call.startswith("apt-get")] == []


def test_a_policy_of_the_machine_itself_is_left_alone(system: System) -> None:
    system.policy.write_text("#!/bin/sh\nexit 101\n")
    apt.install(["nginx"], units=["nginx.service"], root=system.folder)
    assert system.policy.read_text() == "#!/bin/sh\nexit 101\n"


def test_an_old_list_of_packages_will_do(system: System) -> None:
    system.add("apt-get", 'test "$1" != update')
    apt.install(["nginx"], root=system.folder)


def test_a_failed_installation_is_one_line_with_the_reason(system: System) -> None:
    system.add("apt-get", 'echo noise; echo "E: Unable to locate package nginx"; exit 100')
    with pytest.raises(MissingError) as caught:
        apt.install(["nginx"], units=["nginx.service"], root=system.folder)
    assert str(caught.value).endswith("failed: E: Unable to locate package nginx")
    assert not system.policy.exists()


def test_two_installations_take_turns(system: System) -> None:
    log = system.folder / "log"
    system.add("apt-get", f'echo "begin $1" >> {log}; sleep 0.2; echo "end $1" >> {log}')
    script = (
        "import sys; from pathlib import Path; from stack import apt; apt.install(['nginx'], root=Path(sys.argv[1]))"
    )
    both = [subprocess.Popen([sys.executable, "-c", script, system.folder], cwd=ROOT) for _ in range(2)]
    assert [process.wait(timeout=30) for process in both] == [0, 0]
    assert log.read_text().splitlines() == ["begin update", "end update", "begin install", "end install"] * 2


def test_where_nothing_can_be_installed_one_line_names_what_is_missing(
    system: System, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(system.folder / "nowhere"))
    monkeypatch.setattr(packages, "_SERVER_FOLDERS", ())
    assert packages.main(["nginx", "rabbitmq"]) == 1
    said = capsys.readouterr().err.splitlines()
    assert said == [
        "stack.packages: missing, and there is no apt-get here to install it: what Debian calls nginx rabbitmq-server"
    ]


@pytest.mark.parametrize("allowed", [True, False])
def test_somebody_else_than_root_goes_through_sudo_if_that_asks_nothing(
    system: System, monkeypatch: pytest.MonkeyPatch, *, allowed: bool
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    system.add("sudo", "true" if allowed else "exit 1")
    if allowed:
        assert apt.as_root(["nginx"]) == ["sudo", "-n"]
    else:
        with pytest.raises(MissingError, match=r"only root may install it: apt-get install .* nginx"):
            apt.as_root(["nginx"])


def test_an_unknown_name_is_a_wrong_use(capsys: pytest.CaptureFixture[str]) -> None:
    assert packages.main(["apache"]) == 2
    assert "rabbitmq nginx smtp-sink" in capsys.readouterr().err


def test_nothing_is_said_or_done_when_all_is_there(system: System) -> None:
    system.add("nginx")
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", "stack.packages", "nginx"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    took_s = time.monotonic() - began
    assert (done.returncode, done.stdout, done.stderr, system.calls) == (0, "", "", [])
    assert took_s < 1, "a tenth of that on an idle machine"
