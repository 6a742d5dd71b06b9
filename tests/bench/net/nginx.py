"""Stepwise beside nginx: a file of 1 GiB over plain TCP, and small answers through TLS over kept connections.

Not the ruler's way: nginx does not do the same work as the floor. They take turns, server on CPU 0 and client on CPU 1
where there are two, and each run is put to the mean of the nginx runs right before and right after it: by its rate, and
by its rate for each second of the server's CPU time, which others on the machine change less.
"""

import contextlib
import os
import pathlib
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "interop"))
from server_process import ServerProcess  # noqa: E402

CPUS = os.sched_getaffinity(0)
FILE_BYTES = 1 << 30
CASES = ("file", "tls-64")
NEEDED = {"http": ["nginx"], "file": ["nginx"], "tls-64": ["nginx", "wrk", "openssl"]}
CONFIGURATION = """
daemon off; master_process off; pid {folder}/nginx.pid; error_log {folder}/error.log;
events {{ worker_connections 4096; }}
http {{
  access_log off; sendfile on; keepalive_requests 1000000000; keepalive_timeout 75; default_type text/plain;
  client_body_temp_path {folder}/a; proxy_temp_path {folder}/b; fastcgi_temp_path {folder}/c;
  uwsgi_temp_path {folder}/d; scgi_temp_path {folder}/e;
  server {{
    listen 127.0.0.1:{port}{tls};
    location = / {{ return 200 "Hello, World!"; }}
    location / {{ root {folder}; }}
  }}
}}
"""
# Reads the answer and drops it in the kernel (MSG_TRUNC): what is measured is who sends.
DOWNLOAD = """
import socket, sys, time
wanted = int(sys.argv[2])
with socket.create_connection(("127.0.0.1", int(sys.argv[1]))) as client:
    client.sendall(b"GET /large.bin HTTP/1.1\\r\\nHost: bench\\r\\n\\r\\n")
    began, head = time.perf_counter(), b""
    while not head.endswith(b"\\r\\n\\r\\n"):
        head += client.recv(1)
    assert b" 200 " in head and f"Content-Length: {wanted}".encode() in head, head
    block = bytearray(1 << 20)
    while wanted:
        count = client.recv_into(block, min(wanted, len(block)), socket.MSG_TRUNC)
        assert count, "the connection ended early"
        wanted -= count
print(time.perf_counter() - began)
"""


def lacks(case, tools):
    """What keeps a case from being measured, in words; nothing: all is there."""
    missing = [name for name in NEEDED[case] if shutil.which(name, path=os.environ["PATH"] + ":/usr/sbin") is None]
    if not missing and case == "file" and not (tools / "static_server").exists():
        missing = ["static_server"]
    return f"not measured: {', '.join(missing)} is not there" if missing else ""


class Nginx:
    """In the foreground, one process, a port that was free a moment ago: where another took it, the next one."""

    def __init__(self, folder, certificate):
        self.folder = pathlib.Path(folder)
        self.tls = ""
        if certificate:
            self.tls = f" ssl; ssl_certificate {certificate[0]}; ssl_certificate_key {certificate[1]}"

    def __enter__(self):
        if not any(self.listens() for _ in range(5)):
            raise AssertionError(f"nginx does not start: {(self.folder / 'error.log').read_text()}")
        return self

    def listens(self):
        """Whether it does, on a port of its own, and not somebody else."""
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        configuration = self.folder / "nginx.conf"
        configuration.write_text(CONFIGURATION.format(folder=self.folder, port=self.port, tls=self.tls))
        command = [shutil.which("nginx", path="/usr/sbin:/usr/bin"), "-c", str(configuration), "-p", str(self.folder)]
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        started, give_up = self.folder / "nginx.pid", time.monotonic() + 20
        while not started.exists() and self.process.poll() is None and time.monotonic() < give_up:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(0.05)
        return started.exists() and self.process.poll() is None

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(20)


def certificate_in(folder):
    paths = [str(pathlib.Path(folder) / name) for name in ("certificate.pem", "key.pem")]
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                    "-days", "2", "-subj", "/CN=localhost", "-out", paths[0], "-keyout", paths[1]],
                   check=True, capture_output=True, timeout=60)
    return paths


def cpu_seconds(process):
    fields = pathlib.Path(f"/proc/{process.pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def run(command):
    os.sched_setaffinity(0, {max(CPUS)})
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=300)
    if done.returncode != 0:
        raise RuntimeError(f"{command[0]} failed: {done.stderr.strip()}")
    return done.stdout


def measure(case, server, smoke, file_bytes):
    """{"rate", "cpu_us"}: bytes or requests a second, and the server's CPU time for a MiB or a request."""
    done, before = 0, cpu_seconds(server.process)
    if case == "file":
        seconds = float(run([sys.executable, "-c", DOWNLOAD, server.port, file_bytes]))
        done, rate = file_bytes / (1 << 20), file_bytes / seconds
    while not done:  # in a second a busy machine may answer nothing
        before = cpu_seconds(server.process)
        text = run(["wrk", "-t1", "-c64", "-d1s" if smoke else "-d3s", "--timeout", "30s",
                    f"https://127.0.0.1:{server.port}/"])
        if re.search(r"Non-2xx|Socket errors", text):
            raise RuntimeError(text)
        done = int(re.search(r"(\d+) requests in", text)[1])
        rate = float(re.search(r"Requests/sec:\s+([\d.]+)", text)[1])
    spent = max(cpu_seconds(server.process) - before, 1 / os.sysconf("SC_CLK_TCK"))
    return {"rate": rate, "cpu_us": spent / done * 1e6}


def compare(case, bench, row):
    """One row for each reactor, and nginx's own last figures behind them."""
    options = bench.options
    why_not = lacks(case, bench.tools)
    reactors = ["epoll", "io_uring"] if options.reactor == "both" else [options.reactor]
    if why_not:
        return [row(case, f"stepwise, {name}", [], None, "") | {"skipped": why_not} for name in reactors]
    file_bytes = FILE_BYTES >> 8 if options.smoke else FILE_BYTES
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="stepwise_bench_"))
        with open(pathlib.Path(folder) / "large.bin", "wb") as file:
            file.truncate(file_bytes)
        certificate = certificate_in(folder) if case != "file" else None
        flags = ["--tls-cert", certificate[0], "--tls-key", certificate[1]] if certificate else ["--folder", folder]
        program = bench.tools / "static_server" if case == "file" else options.build / "demos" / "http_hello"
        os.sched_setaffinity(0, {0})
        nginx = stack.enter_context(Nginx(folder, certificate))
        servers = {name: stack.enter_context(ServerProcess(str(program), "--reactor", name, *flags))
                   for name in reactors}
        runs, ratios, by_cpu = ({name: [] for name in reactors} for _ in range(3))
        before = measure(case, nginx, options.smoke, file_bytes)  # and the file is in the kernel's memory
        before = measure(case, nginx, options.smoke, file_bytes)
        for _ in range(options.reps):
            for name, server in servers.items():
                runs[name].append(measure(case, server, options.smoke, file_bytes))
                after = measure(case, nginx, options.smoke, file_bytes)
                ratios[name].append(runs[name][-1]["rate"] / statistics.mean([before["rate"], after["rate"]]))
                by_cpu[name].append(statistics.mean([before["cpu_us"], after["cpu_us"]]) / runs[name][-1]["cpu_us"])
                before = after
    return [row(case, f"stepwise, {name}", ratios[name],
                runs[name][-1] | {"nginx": before, "ratio_by_cpu": statistics.median(by_cpu[name])}, "")
            for name in reactors]


def text_of(one):
    last = one["last"]
    unit, scale = ("MiB", 1 << 20) if one["case"] == "file" else ("request", 1)
    return (f"{one['ratio']:6.2f} x nginx's rate  [{one['low']:.2f}, {one['high']:.2f}]  of {one['kept']} runs, "
            f"{last['ratio_by_cpu']:.2f} x by CPU   "
            f"{last['rate'] / scale:.0f} {unit}s/s, {last['cpu_us']:.1f} us of CPU a {unit}; nginx "
            f"{last['nginx']['rate'] / scale:.0f}, {last['nginx']['cpu_us']:.1f} us")
