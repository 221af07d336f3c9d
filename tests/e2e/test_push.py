# SPDX-License-Identifier: Apache-2.0
"""The exporters that push, against servers that are not ours. No VM is needed.

Pushgateway is Debian's. Riemann's messages are decoded by the gem riemann-client behind OpenSSL's TLS. Warp10 is a
server that takes its input format to the letter. Each is away for a while in the middle of a run.
"""

from __future__ import annotations

import http.server
import json
import re
import signal
import socket
import ssl
import subprocess
import threading
import unittest
import urllib.request
from pathlib import Path
from urllib.parse import unquote

from tests.e2e.support import PROGRAMS, CountersCase
from tests.lab.certificates import Authority
from tests.lab.metrics import parse_prometheus, select
from tests.lab.process import Process, free_tcp_port, wait_until
from tests.lab.riemann import RiemannServer

# https://www.warp10.io/content/03_Documentation/03_Interacting_with_Warp_10/03_Ingesting_data/02_GTS_input_format
WARP10_LINE = re.compile(r"(?P<time>\d+)//? (?P<name>[^\s{}]+)\{(?P<labels>[^\s{}]*)\} (?P<value>-?\d+(\.\d+)?([eE][-+]?\d+)?)\Z")


class StrictWarp10:
    """What it cannot take to the letter is a mistake that the test shows."""

    def __init__(self, port: int, tls: ssl.SSLContext | None = None) -> None:
        self.lines: list[re.Match[str]] = []
        self.mistakes: list[str] = []
        self.tokens: set[str] = set()
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                outer.tokens.add(self.headers["X-Warp10-Token"])
                outer.take(self.path, body)
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
        if tls:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def take(self, path: str, body: str) -> None:
        if path != "/api/v0/update":
            self.mistakes.append(path)
        for line in filter(None, body.split("\n")):
            match = WARP10_LINE.match(line)
            if match is None:
                self.mistakes.append(line)
            else:
                self.lines.append(match)

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


class Push(CountersCase):
    def start(self, *arguments: str | Path, env: dict[str, str] | None = None) -> Process:
        agent = Process(self.guest_command(*arguments), self.path("agent.log"), env=env)
        self.addCleanup(agent.stop)
        return agent

    def log(self) -> str:
        return self.path("agent.log").read_text(errors="replace")

    # Pushgateway

    def gateway(self, port: int, *options: str, tls: ssl.SSLContext | None = None) -> Process:
        gateway = Process(["prometheus-pushgateway", f"--web.listen-address=127.0.0.1:{port}", "--persistence.file=",
                           *options], self.path("gateway.log"))
        self.addCleanup(gateway.stop)
        gateway.wait_ready(lambda: self.series(port, tls) is not None, 30, "Pushgateway's first answer")
        return gateway

    @staticmethod
    def series(port: int, tls: ssl.SSLContext | None = None) -> dict | None:
        url = f"{'https' if tls else 'http'}://localhost:{port}/metrics"
        try:
            with urllib.request.urlopen(url, timeout=5, context=tls) as answer:
                return parse_prometheus(answer.read().decode())
        except OSError:
            return None

    def test_https_asks_for_a_certificate_that_somebody_vouches_for(self) -> None:
        authority = Authority(self.folder, "https")
        cert, key = authority.sign("https-server", "DNS:localhost")
        trusted = {"SSL_CERT_FILE": str(authority.certificate)}
        gateway_port, warp10_port = free_tcp_port(), free_tcp_port()
        self.path("gateway.yaml").write_text(f"tls_server_config: {{ cert_file: {cert}, key_file: {key} }}\n")
        asking = ssl.create_default_context(cafile=str(authority.certificate))
        self.gateway(gateway_port, f"--web.config.file={self.path('gateway.yaml')}", tls=asking)
        serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        serving.load_cert_chain(cert, key)
        warp10 = StrictWarp10(warp10_port, serving)
        self.addCleanup(warp10.close)

        def arrived() -> tuple[bool, bool]:
            return (bool(select(self.series(gateway_port, asking) or {}, "scaph_host_power_microwatts")), bool(warp10.lines))

        push = ("prometheus-push", "-H", "localhost", "-p", str(gateway_port), "-s", "1", "-S", "https")
        line = ("warp10", "-H", "localhost", "-p", str(warp10_port), "-s", "https", "-S", "1", "-t", "x")
        for command in (push, line):
            with self.subTest("nobody vouches", command=command[0]):
                self.path("agent.log").unlink(missing_ok=True)
                refused = self.start(*command)
                refused.wait_ready(lambda: "certificate" in self.log(), 30, "the agent's refusal")
                refused.stop()
        self.assertEqual((False, False), arrived())
        self.start(*push, env=trusted)
        self.start(*line, env=trusted)
        wait_until(lambda: arrived() == (True, True), 30, "values over https")
        self.assertEqual([], warp10.mistakes)

    def test_pushgateway_has_every_value_and_is_missed_while_it_is_away(self) -> None:
        port = free_tcp_port()
        hostile = self.start_hostile()
        gateway = self.gateway(port)
        agent = self.start("prometheus-push", "-H", "127.0.0.1", "-p", str(port), "-s", "1", "-j", "odd/job")

        def value(name: str, **labels: str) -> float:
            return sum(select(self.series(port) or {}, name, **labels).values())

        agent.wait_ready(lambda: value("scaph_host_power_microwatts", job="odd/job") > 0, 30, "power at Pushgateway")
        wait_until(lambda: any("a'b\"c\\d" in dict(labels)["cmdline"] for labels in
                               select(self.series(port) or {}, "scaph_process_power_consumption_microwatts",
                                      pid=str(hostile))), 30, "the process with the odd arguments")
        gateway.stop()
        wait_until(lambda: "is not reached" in self.log() or "failed" in self.log() or "refused" in self.log(), 30,
                   "the agent's word on it")
        said = len(self.log().splitlines())
        self.gateway(port)
        wait_until(lambda: value("wattvisor_push_failures_total") > 0, 60, "the count of failures, sent afterwards")
        self.assertLess(len(self.log().splitlines()) - said, 4, "not a line per attempt")

    def test_a_page_beside_tells_what_is_lost(self) -> None:
        page, nobody = free_tcp_port(), free_tcp_port()
        config = self.path("guest.yaml")
        config.write_text(f"""roots: {{ powercap: "{self.counters}" }}
cpu_time: clock
exporters:
  - {{ type: prometheus, address: 127.0.0.1, port: {page} }}
  - {{ type: prometheus-push, host: 127.0.0.1, port: {nobody}, step: 1s }}
  - {{ type: riemann, address: 127.0.0.1, port: {nobody}, step: 1s }}
  - {{ type: warp10, host: 127.0.0.1, port: {nobody}, step: 1s, write_token: x }}
""")
        agent = Process([PROGRAMS / "wattvisor-guest", "run", "--config", config], self.path("agent.log"))
        self.addCleanup(agent.stop)

        def value(name: str, **labels: str) -> float:
            return float(sum(select(self.series(page) or {}, name, **labels).values()))

        for exporter in ("prometheus-push", "riemann", "warp10"):
            wait_until(lambda: value("wattvisor_push_failures_total", exporter=exporter) > 0, 60, f"a failure of {exporter}")
            self.assertEqual(value("wattvisor_push_sent_total", exporter=exporter), 0)
        # A Pushgateway has no times, so only the newest values wait.
        wait_until(lambda: value("wattvisor_push_dropped_total", exporter="prometheus-push") > 0, 60, "lost values")

    # Warp10

    def test_warp10_takes_every_line_to_the_letter(self) -> None:
        port = free_tcp_port()
        self.start_hostile()
        server = StrictWarp10(port)
        agent = self.start("warp10", "-H", "127.0.0.1", "-p", str(port), "-S", "1", "-t", "s3cret-token")
        agent.wait_ready(lambda: any(line["name"] == "scaph_host_power_microwatts" for line in server.lines), 30, "a line")
        self.assertEqual(server.mistakes, [])
        self.assertEqual(server.tokens, {"s3cret-token"})
        self.assertNotIn("s3cret-token", self.log())
        self.assertNotIn(b"s3cret-token", Path(f"/proc/{agent.pid}/cmdline").read_bytes())
        labels = [dict(pair.split("=", 1) for pair in line["labels"].split(",")) for line in server.lines]
        self.assertTrue(all("host" in each for each in labels))
        self.assertTrue(any("a'b\"c\\d" in unquote(each.get("cmdline", "")) for each in labels))
        server.close()
        wait_until(lambda: "warp10" in self.log().split("energy arrives")[-1], 30, "the agent's word on it")
        again = StrictWarp10(port)
        self.addCleanup(again.close)
        wait_until(lambda: any(line["name"] == "wattvisor_push_failures_total" and int(line["value"]) > 0
                               for line in again.lines), 60, "the count of failures, sent afterwards")
        self.assertEqual(again.mistakes, [])

    def test_warp10_needs_a_token(self) -> None:
        run = subprocess.run([PROGRAMS / "wattvisor-guest", "--powercap", self.counters, "warp10"], capture_output=True,
                             text=True, timeout=30, env={"PATH": "/usr/bin:/bin"}, check=False)
        self.assertEqual(run.returncode, 78, run.stderr)
        self.assertIn("SCAPH_WARP10_WRITE_TOKEN", run.stderr)

    # Riemann

    def riemann(self, port: int, *certificates: Path) -> RiemannServer:
        log = self.path(f"events-{len(list(self.folder.glob('*events*')))}")
        server = RiemannServer(port, log, *certificates)
        self.addCleanup(server.stop)
        return server

    def test_riemann_gets_typed_events_that_the_documented_query_finds(self) -> None:
        port = free_tcp_port()
        hostile = self.start_hostile()
        server = self.riemann(port)
        agent = self.start("riemann", "-a", "127.0.0.1", "-p", str(port), "-d", "1")
        agent.wait_ready(lambda: server.query('service = "scaph_host_power_microwatts"'), 30, "an event")
        for event in server.events():
            self.assertEqual((event["state"], event["ttl"], event["tags"]), ("ok", 60, ["scaphandre"]))
            self.assertTrue(event["host"])
        query = 'service =~ "process_power_consumption_microwatts_%_python3"'
        wait_until(lambda: str(hostile) in {event["attributes"]["pid"] for event in server.query(query)}, 30, query)
        server.stop()
        wait_until(lambda: "riemann" in self.log().split("energy arrives")[-1], 30, "the agent's word on it")
        later = self.riemann(port)
        wait_until(lambda: any(e["metric"] > 0 for e in later.query('service = "wattvisor_push_failures_total_riemann"')),
                   60, "the count of failures, sent afterwards")

    def test_a_name_server_that_does_not_answer_holds_up_nobody(self) -> None:
        silent = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.addCleanup(silent.close)
        silent.bind(("127.0.0.77", 53))
        # The C library would ask for minutes.
        self.path("resolv.conf").write_text("nameserver 127.0.0.77\noptions timeout:30 attempts:5\n")
        self.path("guest.yaml").write_text(f"""interval: 1s
roots: {{ powercap: {self.counters} }}
exporters:
  - {{ type: riemann, address: nowhere.example, step: 1s }}
  - {{ type: warp10, host: nowhere.example, step: 1s, write_token: x }}
  - {{ type: json, step: 1s, file: {self.path("report.json")} }}
""")
        agent = Process(["unshare", "--mount", "sh", "-c", 'mount --bind "$1" /etc/resolv.conf && shift && exec "$@"', "sh",
                         self.path("resolv.conf"), PROGRAMS / "wattvisor-guest", "run", "--config", self.path("guest.yaml")],
                        self.path("agent.log"))
        self.addCleanup(agent.stop)
        agent.wait_ready(lambda: self.log().count("no name server answers for nowhere.example") >= 2, 60,
                         "the word of both exporters")
        # Both ask again by now, and get no answer. Waiting for the C library's threads took 7 s and more.
        wait_until(lambda: len(list(Path(f"/proc/{agent.pid}/task").iterdir())) > 2, 60, "questions that are asked")
        agent.signal(signal.SIGTERM)
        self.assertEqual(0, agent.wait(15))
        self.assertGreater(len(json.loads(self.path("report.json").read_text())), 2, "and ticks went on")

    def test_riemann_over_mutual_tls(self) -> None:
        ours = Authority(self.folder, "authority")
        stranger = Authority(self.folder, "stranger")
        cert, key = ours.sign("server", "DNS:localhost")
        own_cert, own_key = ours.sign("client", "DNS:client.invalid")
        port = free_tcp_port()
        server = self.riemann(port, ours.certificate, cert, key)

        def agent(address: str, authority: Authority) -> Process:
            self.path("agent.log").unlink(missing_ok=True)  # what the one before said is no answer
            return self.start("riemann", "-a", address, "-p", str(port), "-d", "1", "--mtls", "--ca",
                              authority.certificate, "--cert", own_cert, "--key", own_key)

        for address, authority in (("127.0.0.1", ours), ("localhost", stranger)):  # wrong name, unknown authority
            with self.subTest(address=address):
                refused = agent(address, authority)
                refused.wait_ready(lambda: "certificate" in self.log(), 30, "the agent's refusal")
                refused.stop()
                self.assertEqual(server.events(), [])
        welcome = agent("localhost", ours)
        welcome.wait_ready(lambda: server.query('service = "scaph_host_power_microwatts"'), 30, "an event over TLS")

    def test_riemann_says_which_files_mtls_needs(self) -> None:
        run = subprocess.run([PROGRAMS / "wattvisor-guest", "riemann", "--mtls", "-a", "localhost"], capture_output=True,
                             text=True, timeout=30, check=False)
        self.assertEqual(run.returncode, 78)
        self.assertIn("--ca", run.stderr)
