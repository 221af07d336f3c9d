# SPDX-License-Identifier: Apache-2.0
"""What a running program costs: CPU time, memory, system calls, and the scraping of its page. The same for every program."""

from __future__ import annotations

import gzip
import math
import re
import shutil
import signal
import statistics
import subprocess
import tempfile
import time
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path

def cpu_ns(pid: int) -> int:
    """CPU time of all threads of a process, ended ones too: its own clock, in nanoseconds (/proc/PID/stat has 10 ms)."""
    # MAKE_PROCESS_CPUCLOCK(pid, CPUCLOCK_SCHED) of include/linux/posix-timers.h: what clock_getcpuclockid(3) returns.
    return time.clock_gettime_ns((~pid << 3) | 2)


def thread_cpu_ns(pid: int) -> dict[str, int]:
    """CPU time by thread name."""
    times: dict[str, int] = {}
    for task in Path(f"/proc/{pid}/task").iterdir():
        name = (task / "comm").read_text().strip()
        times[name] = times.get(name, 0) + int((task / "schedstat").read_text().split()[0])
    return times


def memory_mib(pid: int) -> dict[str, float]:
    """Resident, and resident with what is shared counted in part only."""
    text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    return {name.lower(): int(re.search(rf"^{name}:\s+(\d+) kB", text, re.M)[1]) / 1024 for name in ("Rss", "Pss")}


@dataclass
class TickCost:
    """CPU time in milliseconds per interval."""

    intervals: int
    mean_ms: float
    median_ms: float
    best_ms: float
    worst_ms: float
    threads_ms: dict[str, float] = field(default_factory=dict)


def quiet_time(pid: int, interval: float) -> tuple[float, float]:
    """The next longest time that the program sleeps between two ticks: begin and end, on the monotonic clock."""
    began = last_work = time.monotonic()
    used = cpu_ns(pid)
    quiet = (began, began)
    while time.monotonic() < began + 1.5 * interval:
        time.sleep(interval / 200)
        now, now_used = time.monotonic(), cpu_ns(pid)
        if now - last_work > quiet[1] - quiet[0]:
            quiet = (last_work, now)
        if now_used != used:
            used, last_work = now_used, now
    later = interval * math.ceil((time.monotonic() - quiet[0]) / interval)
    return quiet[0] + later, quiet[1] + later


def sleep_until(moment: float) -> None:
    time.sleep(max(0.0, moment - time.monotonic()))


def tick_cost(pid: int, interval: float, intervals: int) -> TickCost:
    """Looks once per interval, while the program sleeps: each difference is that of one whole tick."""
    begin, end = quiet_time(pid, interval)
    moment = (begin + end) / 2
    looks: list[int] = []
    threads: list[dict[str, int]] = []
    for number in range(intervals + 1):
        sleep_until(moment + number * interval)
        looks.append(cpu_ns(pid))
        if number in (0, intervals):
            threads.append(thread_cpu_ns(pid))
    each = [(after - before) / 1e6 for before, after in zip(looks, looks[1:])]
    return TickCost(intervals, statistics.fmean(each), statistics.median(each), min(each), max(each),
                    {name: (used - threads[0].get(name, 0)) / 1e6 / intervals for name, used in threads[1].items()})


@dataclass
class ScrapeCost:
    scrapes: int
    latency_ms: float
    cpu_ms: float
    page_bytes: int
    series: int

    @property
    def cpu_ms_per_1000_series(self) -> float:
        return self.cpu_ms * 1000 / max(self.series, 1)


# What a scraper asks for, by name: the header of its request.
FORMATS = {"text": {}, "OpenMetrics": {"Accept": "application/openmetrics-text;version=1.0.0"},
           "gzip": {"Accept-Encoding": "gzip"}}


def fetch(url: str, headers: dict[str, str]) -> bytes:
    """The body as it was sent: a compressed one stays so."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(urllib.request.Request(url, headers=headers), timeout=60) as answer:
        return bytes(answer.read())


def scrape_cost(pid: int, url: str, interval: float, headers: dict[str, str] | None = None,
                scrapes: int = 10) -> ScrapeCost:
    """One scrape between two ticks, as a page is made once per tick: the CPU time has all of its making."""
    latencies: list[float] = []
    used: list[float] = []
    page = fetch(url, headers or {})
    begin, end = quiet_time(pid, interval)
    for number in range(scrapes):
        # A page grows no older than a second; by the next tick's quiet time this one is gone.
        sleep_until((begin * 3 + end) / 4 + number * interval)
        before, began = cpu_ns(pid), time.monotonic()
        page = fetch(url, headers or {})
        latencies.append((time.monotonic() - began) * 1e3)
        time.sleep((end - begin) / 8)  # what is left to do when the last byte has come
        used.append((cpu_ns(pid) - before) / 1e6)
    return _scrape_cost(latencies, statistics.median(used), page)


def shared_scrape_cost(pid: int, url: str, interval: float, scrapes: int = 20) -> float:
    """CPU time in milliseconds of one more scraper in the same tick."""
    begin, end = quiet_time(pid, interval)
    margin = (end - begin) / 10
    sleep_until(begin + margin)
    fetch(url, {})
    before, done = cpu_ns(pid), 0
    while done < scrapes and (done == 0 or time.monotonic() < end - 2 * margin):
        fetch(url, {})
        done += 1
    return (cpu_ns(pid) - before) / 1e6 / done


def scrape_cost_without_ticks(pid: int, url: str, pause: float, scrapes: int = 10) -> ScrapeCost:
    """Of a program that works only when it is scraped; what it does in the pauses is not the scrape's."""
    latencies: list[float] = []
    used = 0
    page = b""
    fetch(url, {})
    for _ in range(scrapes):
        time.sleep(pause)
        before = cpu_ns(pid)
        began = time.monotonic()
        page = fetch(url, {})
        latencies.append((time.monotonic() - began) * 1e3)
        used += cpu_ns(pid) - before
    return _scrape_cost(latencies, used / 1e6 / scrapes, page)


def _scrape_cost(latencies: list[float], cpu_ms: float, page: bytes) -> ScrapeCost:
    text = gzip.decompress(page) if page.startswith(b"\x1f\x8b") else page
    series = sum(1 for line in text.split(b"\n") if line and not line.startswith(b"#"))
    return ScrapeCost(len(latencies), statistics.median(latencies), cpu_ms, len(page), series)


def system_calls(pid: int, interval: float, intervals: int) -> dict[str, float]:
    """System calls per interval, by name, with "total". Empty where strace is missing or may not attach."""
    if shutil.which("strace") is None:
        return {}
    with tempfile.NamedTemporaryFile("r", suffix=".strace") as output:
        tracer = subprocess.Popen(["strace", "-f", "-c", "-q", "-p", str(pid), "-o", output.name],
                                  stderr=subprocess.DEVNULL)
        time.sleep(interval * intervals)
        tracer.send_signal(signal.SIGINT)
        tracer.wait(60)
        text = output.read()
    # "% time  seconds  usecs/call  calls  errors  syscall": the column of errors may be empty.
    calls = {match[2]: int(match[1]) / intervals
             for match in re.finditer(r"^ *[\d.]+ +[\d.]+ +\d* +(\d+) +(?:\d+ +)?(\w+)$", text, re.M)}
    return dict(sorted(calls.items(), key=lambda call: -call[1]))
