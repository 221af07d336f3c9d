# SPDX-License-Identifier: Apache-2.0
"""stdout, json and `run` with several exporters, on a simulated powercap tree. No VM is needed.

As an operator meets them: programs that are killed, disks that are full, readers that go away.
"""

from __future__ import annotations

import json
import os
import re
import select
import signal
import subprocess
import unicodedata
import unittest
from pathlib import Path
from typing import Any

import jsonschema

from tests.e2e.support import HOSTILE, PROGRAMS, CountersCase
from tests.lab.process import Process, free_tcp_port, http_get, wait_until

SCHEMA = json.loads((Path(__file__).resolve().parents[2] / "docs/reference/json-exporter.schema.json").read_text())


def reports_of(text: str) -> list[dict[str, Any]]:
    """The reports, after a look whether they are what the schema promises."""
    reports = json.loads(text)
    jsonschema.Draft202012Validator(SCHEMA).validate(reports)
    return list(reports)


class Formats(CountersCase):
    options = ("--sockets", "2", "--subzones", "dram=0.15")

    def test_json_follows_its_schema_and_has_all_sockets(self) -> None:
        result = subprocess.run(self.guest_command("json", "-t", "1", "-s", "0", "-n", "200000000", "--resources", "-m", "3"),
                                capture_output=True, text=True, timeout=60)
        self.assertEqual(0, result.returncode, result.stderr)
        reports = reports_of(result.stdout)
        self.assertGreaterEqual(len(reports), 1)
        for report in reports:
            self.assertEqual([0, 1], [socket["id"] for socket in report["sockets"]])
            self.assertLessEqual(len(report["consumers"]), 3)
            powers = [consumer["consumption"] for consumer in report["consumers"]]
            self.assertEqual(sorted(powers, reverse=True), powers)

    def test_json_follows_its_schema_whatever_processes_are_called(self) -> None:
        hostile = self.start_hostile()
        result = subprocess.run(self.guest_command("json", "-t", "2", "-s", "1", "--process-regex", "time.sleep.1e6"),
                                capture_output=True, timeout=60)
        self.assertEqual(0, result.returncode, result.stderr)
        consumers = reports_of(result.stdout.decode("utf-8", errors="strict"))[-1]["consumers"]
        (found,) = [consumer for consumer in consumers if consumer["pid"] == hostile]
        self.assertIn(HOSTILE, found["cmdline"])

    def test_a_json_file_is_valid_whatever_kills_the_program(self) -> None:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
            file = self.path(f"{number}.json")
            agent = Process(self.guest_command("json", "-t", "0", "-s", "0.05", "-f", file), self.path("log"))
            agent.wait_ready(lambda path=file: path.exists() and len(reports_of(path.read_text())) > 2, 60,  # type: ignore[misc]
                             "three reports, each time a valid file")
            agent.signal(number)
            status = agent.wait(30)
            self.assertEqual(-signal.SIGKILL if number == signal.SIGKILL else 0, status)
            self.assertGreater(len(reports_of(file.read_text())), 2)

    def test_a_json_pipe_is_valid_after_ctrl_c(self) -> None:
        for number in (signal.SIGINT, signal.SIGTERM):
            with subprocess.Popen(self.guest_command("json", "-t", "0", "-s", "0.05"), stdout=subprocess.PIPE,
                                  stderr=subprocess.DEVNULL, text=True) as agent:
                self.addCleanup(agent.kill)
                assert agent.stdout is not None
                begin = [agent.stdout.readline() for _ in range(3)]
                agent.send_signal(number)
                rest = agent.stdout.read()  # ends when the program does
            self.assertEqual(0, agent.returncode)
            self.assertGreater(len(reports_of("".join(begin) + rest)), 1)

    def test_a_reader_that_goes_away_ends_it(self) -> None:
        for exporter in ("json", "stdout"):
            result = subprocess.run(["bash", "-c", 'set -o pipefail; "$@" | head -c 100 >/dev/null', "-",
                                     *self.guest_command(exporter, "-t", "0", "-s", "0.05")], timeout=60,
                                    stderr=subprocess.DEVNULL)
            self.assertEqual(0, result.returncode, exporter)

    @unittest.skipUnless(os.geteuid() == 0, "needs root, to mount a small file system")
    def test_a_full_disk_leaves_whole_reports(self) -> None:
        small = self.path("disk")
        small.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", small], check=True)
        self.addCleanup(subprocess.run, ["umount", small], check=True)
        file = small / "report.json"
        agent = Process(self.guest_command("json", "-t", "0", "-s", "0.02", "-m", "200", "-f", file), self.path("log"))
        agent.wait_ready(lambda: "No space left on device" in agent.output(), 60, "the disk to be full")
        self.assertTrue(agent.running(), "there may be room again later")
        self.assertGreater(len(reports_of(file.read_text())), 0)
        agent.signal(signal.SIGTERM)
        self.assertEqual(1, agent.wait(30), "reports were lost")
        self.assertGreater(len(reports_of(file.read_text())), 0)

    def test_a_device_that_takes_nothing_ends_it(self) -> None:
        for exporter in ("json", "stdout"):
            with Path("/dev/full").open("w") as full:
                result = subprocess.run(self.guest_command(exporter, "-t", "0", "-s", "0.05"), stdout=full, text=True,
                                        stderr=subprocess.PIPE, timeout=60)
            self.assertEqual(1, result.returncode, result.stderr)
            self.assertIn("No space left on device", result.stderr)

    def test_files_that_cannot_be_written(self) -> None:
        for file, text in ((self.folder / "no/such.json", "mkdir -p"), (self.folder, "name a file in it")):
            result = subprocess.run(self.guest_command("json", "-f", file), capture_output=True, text=True, timeout=30)
            self.assertEqual((1, ""), (result.returncode, result.stdout))
            self.assertIn(text, result.stderr)

    def test_a_bad_regular_expression_is_a_mistake(self) -> None:
        for arguments in (("stdout", "-r", "("), ("json", "--process-regex", "["),
                          ("json", "--containers", "--container-regex", "*")):
            result = subprocess.run(self.guest_command(*arguments), capture_output=True, text=True, timeout=30)
            self.assertEqual((78, ""), (result.returncode, result.stdout))
            self.assertIn("is no regular expression", result.stderr)

    def test_the_terminal_is_readable_whatever_processes_are_called(self) -> None:
        for name in ("中" * 40, "\x1b]0;owned\x07", "a\tb\nHost:\t0 W"):
            program = subprocess.Popen(["bash", "-c", 'exec -a "$0" sleep 600', name])
            self.addCleanup(program.wait)
            self.addCleanup(program.kill)
            comm = Path(f"/proc/{program.pid}/comm")
            wait_until(lambda comm=comm: comm.read_text().startswith("sleep"), 10, "sleep to run")  # type: ignore[misc]
        result = subprocess.run(self.guest_command("stdout", "-t", "1", "-s", "1", "-r", "^(中|\x1b|a\t)|owned"),
                                capture_output=True, text=True, timeout=60)
        self.assertEqual(0, result.returncode, result.stderr)
        self.assertEqual(3, len(re.findall('"sleep"', result.stdout)), result.stdout)
        self.assertNotIn("\x1b", result.stdout)
        for line in result.stdout.expandtabs(8).splitlines():
            width = sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in line)
            self.assertLessEqual(width, 80, line)

    def test_raw_metrics(self) -> None:
        hostile = self.start_hostile()
        result = subprocess.run(self.guest_command("--no-header", "stdout", "-t", "1", "-s", "1", "--raw-metrics"),
                                capture_output=True, text=True, timeout=60)
        lines = result.stdout.splitlines()
        self.assertRegex(lines[0], r"^## At \d+$")
        self.assertTrue(any(f'"pid":"{hostile}"' in line for line in lines))
        for line in lines[1:]:
            if line:
                self.assertTrue(line.isprintable(), line)
                found = re.fullmatch(r"[a-z_]+ = [-+0-9.eaNInf]+ (\{.*?\}) # .+", line)
                assert found is not None, line
                json.loads(found.group(1))

    def test_run_with_five_exporters_at_different_paces(self) -> None:
        ports = [free_tcp_port(), free_tcp_port()]
        fast, slow = self.path("fast.json"), self.path("slow.json")
        config = self.path("guest.yaml")
        config.write_text(f"""\
interval: 100ms
cpu_time: clock
roots: {{ powercap: "{self.counters}" }}
exporters:
  - {{ type: prometheus, address: 127.0.0.1, port: {ports[0]} }}
  - {{ type: prometheus, address: 127.0.0.1, port: {ports[1]}, interval: 1s, filter: {{ top: 1 }} }}
  - {{ type: json, file: "{fast}", step: 100ms }}
  - {{ type: json, file: "{slow}", interval: 1s, filter: {{ process: "nobody-has-this-name" }} }}
  - {{ type: stdout, step: 300ms, timeout: 1s }}
""")
        check = subprocess.run([str(PROGRAMS / "wattvisor-guest"), "run", "--check-config", "--config", str(config)],
                               capture_output=True, text=True, timeout=30)
        self.assertEqual(0, check.returncode, check.stderr)
        agent = Process([PROGRAMS / "wattvisor-guest", "run", "--config", config], self.path("log"))
        agent.wait_ready(lambda: slow.exists() and len(reports_of(slow.read_text())) >= 2, 90, "two slow reports")
        self.assertIn("an exporter has ended; 4 go on", agent.output())
        self.assertIn("Host:\t", agent.output())
        pages = [http_get(f"http://127.0.0.1:{port}/metrics") for port in ports]
        processes = [len(re.findall(r"^scaph_process_power_consumption_microwatts\{", page, re.M)) for page in pages]
        self.assertGreater(processes[0], 1)
        self.assertEqual(1, processes[1])
        agent.signal(signal.SIGTERM)
        self.assertEqual(0, agent.wait(30))
        quick, mean = reports_of(fast.read_text()), reports_of(slow.read_text())
        self.assertGreater(len(quick), 2 * len(mean))
        for before, report in zip(mean, mean[1:]):
            # The power of the whole interval: energy by time, both as the report has them. Time has milliseconds.
            energy = report["host"]["energy_microjoules"] - before["host"]["energy_microjoules"]
            seconds = report["host"]["timestamp"] - before["host"]["timestamp"]
            self.assertAlmostEqual(1, report["host"]["consumption"] * seconds / energy, delta=0.05)
            self.assertEqual([], report["consumers"])

    def test_run_tells_what_exporters_cannot_share(self) -> None:
        config = self.path("bad.yaml")
        config.write_text("exporters:\n  - type: stdout\n  - type: json\n  - type: prometheus\n  - type: prometheus\n")
        for program in ("wattvisor-guest", "wattvisor-host"):
            result = subprocess.run([str(PROGRAMS / program), "run", "--check-config", "--config", str(config)],
                                    capture_output=True, text=True, timeout=30)
            self.assertEqual(78, result.returncode)
            self.assertIn(f"{config}:3:11: standard output is taken", result.stderr)
            self.assertIn(f"{config}:5:5: port 8080 of :: is taken", result.stderr)

    def test_run_without_an_exporter_has_nothing_to_do(self) -> None:
        config = self.path("empty.yaml")
        config.write_text("exporters: []\n")
        result = subprocess.run([str(PROGRAMS / "wattvisor-guest"), "run", "--config", str(config)],
                                capture_output=True, text=True, timeout=30)
        self.assertEqual(78, result.returncode)
        self.assertIn("- type: prometheus", result.stderr)

    def test_a_reader_that_stops_reading_holds_up_nobody(self) -> None:
        page = free_tcp_port()
        config = self.path("stuck.yaml")
        config.write_text(f"""\
interval: 100ms
cpu_time: clock
roots: {{ powercap: "{self.counters}" }}
exporters:
  - {{ type: json, max_top_consumers: 1000, step: 100ms }}
  - {{ type: prometheus, address: 127.0.0.1, port: {page} }}
""")
        with subprocess.Popen([str(PROGRAMS / "wattvisor-guest"), "run", "--config", str(config)],
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as agent:
            assert agent.stdout is not None
            self.addCleanup(agent.kill)
            self.assertTrue(select.select([agent.stdout], [], [], 60)[0], "it never wrote")

            def sequence() -> int:
                try:
                    text = http_get(f"http://127.0.0.1:{page}/metrics")
                except OSError:
                    return 0
                found = re.search(r"^wattvisor_snapshot_sequence (\d+)", text, re.M)
                return int(found.group(1)) if found else 0

            # Far more than a pipe holds; nobody has read a byte.
            wait_until(lambda: sequence() > 40, 90, "ticks that go on")
            agent.send_signal(signal.SIGTERM)
            self.assertEqual(0, agent.wait(30))


if __name__ == "__main__":
    unittest.main()
