# SPDX-License-Identifier: Apache-2.0
"""The metrics page with TLS, passwords, OpenMetrics and hostile clients; real curl, OpenSSL and Prometheus. No VM."""

from __future__ import annotations

import gzip
import os
import re
import shutil
import socket
import ssl
import subprocess
import unittest
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.e2e.support import FolderCase
from tests.lab.certificates import Authority, bcrypt
from tests.lab.process import Process, free_tcp_port, wait_until
from tests.lab.prometheus import Prometheus

CONFIGURATION = 78
OPEN_METRICS = "application/openmetrics-text;version=1.0.0"


class Answer:
    """Of curl: the status (0: no answer), the header, the body."""

    def __init__(self, url: str, *options: str | Path) -> None:
        result = subprocess.run(["curl", "--silent", "--show-error", "--noproxy", "*", "--max-time", "30", "--include",
                                 *map(str, options), url], capture_output=True, timeout=60)
        head, _, self.body = result.stdout.partition(b"\r\n\r\n")
        self.head = head.decode()
        self.status = int(self.head.split()[1]) if self.head else 0
        self.said = result.stderr.decode()

    def field(self, name: str) -> str | None:
        found = re.search(rf"^{name}: (.*?)\r?$", self.head, re.MULTILINE | re.IGNORECASE)
        return found[1] if found else None


class ScrapeCase(FolderCase):
    """The guest agent measures this machine's processes, with counters that stand still."""

    authority: Authority

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        zone = cls.counters / "intel-rapl:0"
        zone.mkdir(parents=True)
        for name, text in (("name", "package-0"), ("energy_uj", "1000"), ("max_energy_range_uj", "262143328850")):
            (zone / name).write_text(text + "\n")
        cls.authority = Authority(cls.folder, "authority")

    def command(self, *arguments: str | Path) -> list[str]:
        return self.guest_command("prometheus", "-a", "127.0.0.1", *arguments)

    @contextmanager
    def agent(self, web: str | None = None) -> Iterator[tuple[Process, int]]:
        """It listens, with the given web configuration."""
        port = free_tcp_port()
        options: list[str | Path] = ["-p", str(port)]
        if web is not None:
            config = self.path("web.yaml")
            config.write_text(web)
            options += ["--web.config.file", config]
        with Process(self.command(*options), self.path(f"{port}.log")) as agent:
            agent.wait_ready(lambda: "metrics are served" in agent.output(), 60, "the page")
            yield agent, port

    def server_files(self, name: str = "server") -> str:
        """The beginning of a configuration with TLS."""
        certificate, key = self.authority.sign(f"{self._testMethodName}-{name}", "DNS:localhost,IP:127.0.0.1")
        return f"tls_server_config:\n  cert_file: {certificate.name}\n  key_file: {key.name}\n"


class Formats(ScrapeCase):
    def test_each_client_gets_the_format_that_it_asks_for(self) -> None:
        with self.agent() as (_, port):
            url = f"http://127.0.0.1:{port}/metrics"
            plain = wait_until(lambda: (a := Answer(url)).body and a, 30, "the first tick")
            self.assertEqual("text/plain; version=0.0.4; charset=utf-8", plain.field("Content-Type"))
            metrics = Answer(url, "-H", f"Accept: {OPEN_METRICS}")
            self.assertEqual("application/openmetrics-text; version=1.0.0; charset=utf-8", metrics.field("Content-Type"))
            self.assertTrue(metrics.body.endswith(b"\n# EOF\n"))
            packed = Answer(url, "-H", "Accept-Encoding: gzip")
            self.assertEqual("gzip", packed.field("Content-Encoding"))
            self.assertLess(len(packed.body), len(plain.body) / 3)
            self.assertIn(b"\nwattvisor_source_up 1\n", gzip.decompress(packed.body))
            head = Answer(url, "--head")
            self.assertEqual((200, b""), (head.status, head.body))
            self.assertGreater(int(head.field("Content-Length") or 0), 1000)
            self.assertEqual(405, Answer(url, "--data", "x").status)
            self.assertEqual(404, Answer(f"http://127.0.0.1:{port}/other").status)

    def test_options_of_older_versions_are_taken_with_a_notice(self) -> None:
        with Process(self.command("-p", "0", "--kubernetes-host", "https://k", "--kubernetes-scheme", "https",
                                  "--kubernetes-port", "6443"), self.path("log")) as agent:
            agent.wait_ready(lambda: "metrics are served" in agent.output(), 60, "the page")
            self.assertIn("--kubernetes-host has no effect", agent.output())

    def test_a_web_configuration_with_mistakes_names_all_of_them(self) -> None:
        config = self.path("web.yaml")
        config.write_text("tls_server_config:\n  cert_file: c\n  min_version: TLS9\nbasic_auth_users:\n  a: secret\nx: 1\n")
        result = subprocess.run(self.command("--web.config.file", config), capture_output=True, text=True, timeout=60)
        self.assertEqual(CONFIGURATION, result.returncode, result.stderr)
        for place in ("2:3: tls_server_config: the key \"key_file\"", "3:16: min_version", "5:6: the password of a",
                      "6:1: unknown key \"x\""):
            self.assertIn(f"{config}:{place}", result.stderr)
        config.write_text("tls_server_config: {cert_file: absent.crt, key_file: absent.key}\n")
        result = subprocess.run(self.command("--web.config.file", config), capture_output=True, text=True, timeout=60)
        self.assertEqual(CONFIGURATION, result.returncode, result.stderr)
        self.assertIn(f"{self.folder}/absent.crt", result.stderr)


class Tls(ScrapeCase):
    def curl(self, port: int, *options: str | Path) -> Answer:
        return Answer(f"https://127.0.0.1:{port}/metrics", "--cacert", self.authority.certificate, *options)

    def test_with_a_password(self) -> None:
        web = self.server_files() + f"basic_auth_users:\n  alice: {bcrypt('secret')}\n"
        web += "http_server_config: {headers: {Strict-Transport-Security: max-age=60}}\n"
        with self.agent(web) as (_, port):
            right = self.curl(port, "-u", "alice:secret")
            self.assertEqual(200, right.status, right.said)
            self.assertEqual("max-age=60", right.field("Strict-Transport-Security"))
            for wrong in ("alice:Secret", "alice:", "bob:secret", ":"):
                self.assertEqual(401, self.curl(port, "-u", wrong).status, wrong)
            without = self.curl(port)
            self.assertEqual(401, without.status)
            self.assertIn("Basic", without.field("WWW-Authenticate") or "")
            plain = Answer(f"http://127.0.0.1:{port}/metrics")
            self.assertEqual(400, plain.status)
            self.assertIn(b"https://", plain.body)

    def test_each_kind_of_client_authentication(self) -> None:
        ours = self.authority.sign("ours", "DNS:prometheus.example,IP:192.0.2.7")
        foreign = Authority(self.folder, "foreign").sign("theirs", "DNS:prometheus.example")
        # type, whether it names an authority; then who gets in: nobody's certificate, a foreign one, ours
        for kind, with_ca, expected in (("NoClientCert", False, (200, 200, 200)),
                                        ("RequestClientCert", False, (200, 200, 200)),
                                        ("RequireAnyClientCert", False, (0, 200, 200)),
                                        ("VerifyClientCertIfGiven", True, (200, 0, 200)),
                                        ("RequireAndVerifyClientCert", True, (0, 0, 200))):
            web = self.server_files() + f"  client_auth_type: {kind}\n"
            web += f"  client_ca_file: {self.authority.certificate}\n" if with_ca else ""
            with self.subTest(kind), self.agent(web) as (_, port):
                got = [self.curl(port)]
                got += [self.curl(port, "--cert", pair[0], "--key", pair[1]) for pair in (foreign, ours)]
                self.assertEqual(expected, tuple(answer.status for answer in got), [answer.said for answer in got])

    def test_only_allowed_names_get_in(self) -> None:
        allowed = self.authority.sign("allowed", "DNS:other.example,IP:192.0.2.7")
        stranger = self.authority.sign("stranger", "DNS:stranger.example")
        web = self.server_files() + "  client_auth_type: RequireAndVerifyClientCert\n"
        web += f"  client_ca_file: {self.authority.certificate}\n  client_allowed_sans: [prometheus.example, 192.0.2.7]\n"
        with self.agent(web) as (_, port):
            self.assertEqual(200, self.curl(port, "--cert", allowed[0], "--key", allowed[1]).status)
            self.assertEqual(0, self.curl(port, "--cert", stranger[0], "--key", stranger[1]).status)

    def test_versions_and_ciphers(self) -> None:
        web = self.server_files() + ("  max_version: TLS12\n  curve_preferences: [CurveP384]\n"
                                     "  cipher_suites: [TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384]\n")
        with self.agent(web) as (_, port):
            said = self.s_client(port)
            self.assertRegex(said, r"TLSv1\.2, Cipher is ECDHE-ECDSA-AES256-GCM-SHA384")
            self.assertRegex(said, r"Server Temp Key: ECDH, (P-384|secp384r1)")
            self.assertIn("Cipher is (NONE)", self.s_client(port, "-tls1_3"))
            self.assertIn("Cipher is (NONE)", self.s_client(port, "-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-GCM-SHA256"))
        with self.agent(self.server_files() + "  min_version: TLS13\n") as (_, port):
            self.assertIn("TLSv1.3, Cipher is", self.s_client(port))
            self.assertIn("Cipher is (NONE)", self.s_client(port, "-tls1_2"))

    @staticmethod
    def s_client(port: int, *options: str) -> str:
        result = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{port}", *options], input="",
                                capture_output=True, text=True, timeout=60)
        return result.stdout + result.stderr

    def served(self, port: int) -> str:
        """The PEM text of the server's certificate."""
        return ssl.get_server_certificate(("127.0.0.1", port), timeout=30)

    def test_a_certificate_is_renewed_while_running_and_a_broken_one_is_not_taken(self) -> None:
        web = self.server_files()
        first = self.folder / f"{self._testMethodName}-server.crt"
        key = self.folder / f"{self._testMethodName}-server.key"
        with self.agent(web) as (agent, port):
            before = self.served(port)
            new_certificate, new_key = self.authority.sign("renewed", "IP:127.0.0.1")
            # As certbot and cert-manager do it: files moved into place, one after the other.
            for new, old in ((new_certificate, first), (new_key, key)):
                shutil.copy(new, f"{old}.new")
                os.rename(f"{old}.new", old)
            wait_until(lambda: self.served(port) != before, 30, "the new certificate")
            self.assertEqual(200, self.curl(port).status)
            after = self.served(port)
            first.write_text("rubbish\n")
            wait_until(lambda: self.served(port) and "cannot be used, the old one stays" in agent.output(), 30, "the log")
            self.assertEqual(after, self.served(port))
            first.unlink()
            self.assertEqual(after, self.served(port))
            self.assertEqual(1, agent.output().count("the old one stays"))


class RealPrometheus(ScrapeCase):
    """Prometheus itself scrapes over TLS with a certificate and a password, and takes OpenMetrics."""

    def test_scrapes_and_is_refused(self) -> None:
        certificate, key = self.authority.sign("prometheus", "DNS:prometheus.example")
        web = self.server_files() + "  client_auth_type: RequireAndVerifyClientCert\n"
        web += f"  client_ca_file: {self.authority.certificate}\nbasic_auth_users:\n  scraper: {bcrypt('right')}\n"
        with ExitStack() as stack:
            _, port = stack.enter_context(self.agent(web))

            def job(name: str, password: str, with_certificate: bool) -> str:
                own = f", cert_file: {certificate}, key_file: {key}" if with_certificate else ""
                return (f"  - job_name: {name}\n    scheme: https\n"
                        f"    tls_config: {{ ca_file: {self.authority.certificate}{own} }}\n"
                        f"    basic_auth: {{ username: scraper, password: {password} }}\n"
                        f"    static_configs: [{{ targets: [\"127.0.0.1:{port}\"] }}]\n")

            server = stack.enter_context(Prometheus(self.path("prometheus"), job("good", "right", True) +
                                                    job("wrong_password", "wrong", True) +
                                                    job("no_certificate", "right", False)))
            wait_until(lambda: server.values('up{job="good"}') == [1], 90, "a scrape that succeeds")
            for name in ("wrong_password", "no_certificate"):
                wait_until(lambda name=name: server.values(f'up{{job="{name}"}}') == [0], 60, name)  # type: ignore[misc]
            self.assertEqual([1], server.values('wattvisor_source_up{job="good"}'))
            # A type that only OpenMetrics has: the page was read in this format.
            for metric, expected in (("scaph_host_energy_microjoules", {"type": "unknown", "unit": "microjoules"}),
                                     ("wattvisor_ticks", {"type": "counter"})):
                self.assertLessEqual(expected.items(), server.api("metadata", metric=metric)[metric][0].items())
            self.assertEqual(1, len(server.values('wattvisor_ticks_total{job="good"}')))
            errors = [target["lastError"] for target in server.api("targets")["activeTargets"]]
            self.assertIn("server returned HTTP status 401 Unauthorized", errors)


class HostileClients(ScrapeCase):
    """Whatever they do, a scrape succeeds meanwhile."""

    def assert_scraped(self, port: int, *options: str | Path, scheme: str = "http") -> None:
        answer = Answer(f"{scheme}://127.0.0.1:{port}/metrics", *options)
        self.assertEqual(200, answer.status, answer.said)

    @staticmethod
    def connect(port: int) -> socket.socket:
        return socket.create_connection(("127.0.0.1", port), timeout=60)

    def test_idle_slow_and_rude_clients(self) -> None:
        with self.agent() as (agent, port), ExitStack() as stack:
            request = b"GET /metrics HTTP/1.1\r\nHost: x\r\n"
            for sent in (b"", request, request + b"\r\n", b"\x16\x03\x01\x02\x00\x01"):
                for _ in range(200):
                    client = stack.enter_context(self.connect(port))
                    try:
                        client.sendall(sent)
                    except OSError:
                        pass  # it may have had to make room already
                self.assert_scraped(port)
            for huge in (request + b"X: " + b"x" * 1_000_000 + b"\r\n\r\n", b"GET /" + b"a" * 100_000,
                         request + b"X: y\r\n" * 100_000, os.urandom(100_000)):
                with self.connect(port) as client:
                    try:
                        client.sendall(huge)
                    except OSError:
                        pass  # closed while we were talking
                self.assert_scraped(port)
            self.assertTrue(agent.running())
            sockets = [link for fd in Path(f"/proc/{agent.pid}/fd").iterdir() if (link := fd.readlink().name).startswith("socket:")]
            self.assertLess(len(sockets), 64 + 8)

    def test_garbage_instead_of_tls_and_handshakes_that_never_end(self) -> None:
        with self.agent(self.server_files()) as (agent, port), ExitStack() as stack:
            scrape = ("--cacert", self.authority.certificate)
            hello = bytes.fromhex("16030100f8010000f40303") + os.urandom(100)
            for sent in (b"", hello, os.urandom(5000), b"\x16\x03\x01\xff\xff" + os.urandom(100)):
                for _ in range(100):
                    client = stack.enter_context(self.connect(port))
                    try:
                        client.sendall(sent)
                    except OSError:
                        pass
                self.assert_scraped(port, *scrape, scheme="https")
            self.assertTrue(agent.running())

    def test_a_flood_of_wrong_passwords(self) -> None:
        with self.agent(f"basic_auth_users:\n  alice: {bcrypt('secret')}\n") as (agent, port), ExitStack() as stack:
            self.assert_scraped(port, "-u", "alice:secret")
            wrong = b"GET /metrics HTTP/1.1\r\nHost: x\r\nAuthorization: Basic YWxpY2U6d3Jvbmc=\r\n\r\n"
            for round_ in range(5):
                for _ in range(40):
                    client = stack.enter_context(self.connect(port))
                    try:
                        client.sendall(wrong)
                    except OSError:
                        pass
                self.assert_scraped(port, "-u", "alice:secret")
            # Ticks go on: numbers are as fresh as ever.
            def sequence() -> int:
                page = Answer(f"http://127.0.0.1:{port}/metrics", "-u", "alice:secret").body.decode()
                found = re.search(r"^wattvisor_snapshot_sequence (\d+)$", page, re.MULTILINE)
                return int(found[1]) if found else -1

            before = sequence()
            wait_until(lambda: sequence() > before + 1, 30, "ticks")
            self.assertTrue(agent.running())


if __name__ == "__main__":
    unittest.main()
