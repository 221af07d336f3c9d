# SPDX-License-Identifier: Apache-2.0
"""Debian's Prometheus, and its answers."""

from __future__ import annotations

import json
import urllib.parse
from pathlib import Path
from types import TracebackType
from typing import Any

from .process import Process, free_tcp_port, http_get


class Prometheus:
    """Scrapes once a second what `scrape_configs` names (YAML, a list), from its start until stop()."""

    def __init__(self, folder: Path, scrape_configs: str) -> None:
        folder.mkdir()
        port = free_tcp_port()
        self.url = f"http://127.0.0.1:{port}"
        config = folder / "prometheus.yml"
        config.write_text(f"global: {{ scrape_interval: 1s, scrape_timeout: 1s }}\nscrape_configs:\n{scrape_configs}")
        self._process = Process(["prometheus", f"--config.file={config}", f"--storage.tsdb.path={folder}/tsdb",
                                 f"--web.listen-address=127.0.0.1:{port}"], folder / "prometheus.log")
        self._process.wait_ready(self._is_ready, 90, "Prometheus")

    def _is_ready(self) -> bool:
        try:
            return bool(http_get(f"{self.url}/-/ready", timeout=2))
        except OSError:
            return False

    def api(self, path: str, **parameters: str) -> Any:
        """The data of an answer, https://prometheus.io/docs/prometheus/latest/querying/api/."""
        answer = json.loads(http_get(f"{self.url}/api/v1/{path}?{urllib.parse.urlencode(parameters)}"))
        if answer["status"] != "success":
            raise RuntimeError(f"{path} {parameters}: {answer}")
        return answer["data"]

    def query(self, expression: str) -> list[dict[str, Any]]:
        """The series that it finds now: `metric` with the labels, `value` or `values` with times."""
        return list(self.api("query", query=expression)["result"])

    def values(self, expression: str) -> list[float]:
        return [float(found["value"][1]) for found in self.query(expression)]

    def stop(self) -> None:
        self._process.stop()

    def __enter__(self) -> Prometheus:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        self.stop()
