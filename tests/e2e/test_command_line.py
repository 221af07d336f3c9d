# SPDX-License-Identifier: Apache-2.0
"""Bad input, as an operator meets it: each gives a sentence that says what to do. No VM is needed."""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
import unittest
from pathlib import Path

from tests.e2e.support import PROGRAMS, ROOT

CONFIGURATION = 78


class Answer:
    def __init__(self, program: str, *arguments: str, user: int | None = None, env: dict[str, str] | None = None,
                 timeout: float = 30) -> None:
        result = subprocess.run([str(PROGRAMS / program), *arguments], capture_output=True, text=True, timeout=timeout,
                                user=user, group=user, extra_groups=[] if user else None,
                                env={**os.environ, **(env or {})})
        self.status = result.returncode
        self.out = result.stdout
        self.err = result.stderr


def options_of(program: str) -> set[tuple[str, ...]]:
    """The options that --help names, of the program and of all its subcommands: a letter with its name, or one of both."""
    general = Answer(program, "--help").out
    commands = re.findall(r"^  ([a-z][a-z0-9-]*) ", general.split("Subcommands:")[1], re.MULTILINE)
    found: set[tuple[str, ...]] = set()
    for page in (general, *(Answer(program, command, "--help").out for command in commands)):
        for names in re.findall(r"^  (-\S+)", page, re.MULTILINE):
            spellings = re.findall(r"(?<![\w-])--?[a-zA-Z][\w.-]*", names)
            of_the_letter = 0 if spellings[0].startswith("--") else 2
            found |= {tuple(spellings[:of_the_letter]), *((name,) for name in spellings[of_the_letter:])} - {()}
    return found


class BadInput(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.folder.chmod(0o755)

    def counters(self, mode: int = 0o644) -> Path:
        zone = self.folder / "powercap/intel-rapl:0"
        zone.mkdir(parents=True)
        for name, text in (("name", "package-0"), ("energy_uj", "1000"), ("max_energy_range_uj", "262143328850")):
            (zone / name).write_text(text + "\n")
        (zone / "energy_uj").chmod(mode)
        return zone.parent

    def test_no_libvirtd(self) -> None:
        uri = f"qemu:///system?socket={self.folder}/no-such-socket"
        for command in (("vms",), ("enroll", "some-vm")):
            answer = Answer("wattvisor-host", "--libvirt-uri", uri, *command)
            self.assertEqual(1, answer.status, answer.err)
            self.assertIn("Is libvirtd running?", answer.err + answer.out)

    def test_an_agent_without_libvirtd_goes_on_and_says_what_to_do(self) -> None:
        uri = f"qemu:///system?socket={self.folder}/no-such-socket"
        answer = Answer("wattvisor-host", "--libvirt-uri", uri, "--powercap", str(self.counters()), "stdout", "-t", "3",
                        "-s", "1")
        self.assertEqual(0, answer.status, answer.err)
        self.assertIn("Is libvirtd running?", answer.err)
        self.assertIn("Host:", answer.out)

    def test_no_rapl(self) -> None:
        for folder, text in ((self.folder / "absent", "No such file"), (self.folder, "no RAPL zone")):
            for program in ("wattvisor-host", "wattvisor-guest"):
                answer = Answer(program, "--powercap", str(folder), "stdout")
                self.assertEqual(1, answer.status, answer.err)
                self.assertIn(text, answer.err)
                self.assertIn("modprobe intel_rapl_common", answer.err)

    @unittest.skipUnless(os.geteuid() == 0, "needs root, to become a user that may not read")
    def test_counters_that_only_root_may_read(self) -> None:
        folder = self.counters(mode=0o400)
        answer = Answer("wattvisor-guest", "--powercap", str(folder), "stdout", user=65534)
        self.assertEqual(1, answer.status, answer.err)
        self.assertIn("Permission denied", answer.err)
        self.assertIn("run as root", answer.err)

    def test_a_share_that_is_missing(self) -> None:
        answer = Answer("wattvisor-guest", "--vm", "stdout", "-t", "2", "-s", "1",
                        env={"SCAPHANDRE_POWERCAP_PATH": str(self.folder / "share")})
        self.assertEqual(0, answer.status)
        self.assertIn(f"mount -t virtiofs scaphandre {self.folder}/share", answer.err)
        self.assertNotIn(" 0 W", answer.out)

    def test_a_share_that_is_empty(self) -> None:
        (self.folder / "share").mkdir()
        answer = Answer("wattvisor-guest", "--vm", "stdout", "-t", "2", "-s", "1",
                        env={"SCAPHANDRE_POWERCAP_PATH": str(self.folder / "share")})
        self.assertEqual(0, answer.status)
        self.assertIn("mount -t virtiofs", answer.err)

    def test_a_share_full_of_garbage(self) -> None:
        share = self.folder / "share"
        (share / "wattvisor").mkdir(parents=True)
        (share / "wattvisor/snapshot").write_bytes(os.urandom(4096))
        answer = Answer("wattvisor-guest", "--vm", "stdout", "-t", "2", "-s", "1",
                        env={"SCAPHANDRE_POWERCAP_PATH": str(share)})
        self.assertEqual(0, answer.status)
        self.assertIn("is not a whole snapshot", answer.err)
        (share / "wattvisor/snapshot").unlink()
        (share / "intel-rapl:0").mkdir()
        (share / "intel-rapl:0/energy_uj").write_text("rubbish")
        answer = Answer("wattvisor-guest", "--vm", "stdout", "-t", "2", "-s", "1",
                        env={"SCAPHANDRE_POWERCAP_PATH": str(share)})
        self.assertIn("does not hold a number of microjoules", answer.err)

    def test_a_configuration_with_mistakes_names_all_of_them(self) -> None:
        config = self.folder / "host.yaml"
        config.write_text("intervall: 1s\npolicy: fair\nshares:\n  root: relative/path\nexporters:\n"
                          "  - type: prometheus\n    port: 99999\n")
        answer = Answer("wattvisor-host", "run", "--config", str(config), "--check-config")
        self.assertEqual(CONFIGURATION, answer.status)
        for place in (f"{config}:1:1:", f"{config}:2:9:", f"{config}:4:9:", f"{config}:7:11:"):
            self.assertIn(place, answer.err)
        self.assertIn('did you mean "interval"?', answer.err)

    def test_a_configuration_that_is_no_yaml_or_is_missing(self) -> None:
        config = self.folder / "host.yaml"
        config.write_text("interval: [1s\n")
        answer = Answer("wattvisor-host", "run", "--config", str(config), "--check-config")
        self.assertEqual(CONFIGURATION, answer.status)
        self.assertIn(f"{config}:", answer.err)
        answer = Answer("wattvisor-host", "run", "--config", str(self.folder / "absent.yaml"))
        self.assertEqual(CONFIGURATION, answer.status)
        self.assertIn("absent.yaml", answer.err)

    def test_the_sample_configuration_is_good(self) -> None:
        sample = Path(__file__).resolve().parents[2] / "deploy/wattvisor-host.yaml"
        answer = Answer("wattvisor-host", "run", "--config", str(sample), "--check-config")
        self.assertEqual((0, ""), (answer.status, answer.err))

    def test_mistyped_commands_say_what_there_is(self) -> None:
        for program in ("wattvisor-host", "wattvisor-guest"):
            for arguments in ((), ("prometeus",), ("prometheus", "--port", "99999"), ("--sensor", "msr", "stdout"),
                              ("stdout", "--step", "never")):
                answer = Answer(program, *arguments)
                self.assertEqual(CONFIGURATION, answer.status, arguments)
                self.assertIn("--help", answer.err)

    def test_a_port_that_is_taken(self) -> None:
        import socket

        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            port = str(taken.getsockname()[1])
            answer = Answer("wattvisor-guest", "--powercap", str(self.counters()), "prometheus", "-a", "127.0.0.1", "-p",
                            port)
            self.assertEqual(1, answer.status)
            self.assertIn(port, answer.err)

    def test_every_option_is_in_the_manual_and_the_reference(self) -> None:
        for program in ("wattvisor-host", "wattvisor-guest"):
            options = options_of(program)
            self.assertGreater(len(options), 40)
            manual = (ROOT / f"docs/man/{program}.1").read_text()
            # Exporters are described once, for both.
            reference = "".join((ROOT / f"docs/reference/{name}.md").read_text() for name in (program, "wattvisor-host"))
            for names in sorted(options):
                with self.subTest(program, names=names):
                    # Side by side, since a letter means other things elsewhere.
                    self.assertRegex(manual, " , ".join(rf"Fl {re.escape(name[1:])}" for name in names) + r"\b")
                    self.assertRegex(reference, "`, `".join(map(re.escape, names)).join(("`", r"\b")))

    def test_the_version_is_the_projects(self) -> None:
        listed = (Path(__file__).resolve().parents[2] / "CMakeLists.txt").read_text()
        for program in ("wattvisor-host", "wattvisor-guest", "wattvisor-hook"):
            version = Answer(program, "--version").out.split()[-1]
            self.assertIn(f"project(wattvisor VERSION {version} ", listed)


if __name__ == "__main__":
    unittest.main()
