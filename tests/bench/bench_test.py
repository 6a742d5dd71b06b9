#!/usr/bin/env python3
"""The benches still run, and their arithmetic is right: `bench_test.py BUILD`. Nothing here is timed."""

import contextlib
import importlib.util
import json
import pathlib
import socket
import subprocess
import sys
import tempfile
import unittest
from unittest import mock

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
import python_suite  # noqa: E402

BUILD = sys.argv[1] if len(sys.argv) > 1 else str(HERE.parents[1] / "build")


def load_module(folder):
    specification = importlib.util.spec_from_file_location(f"{folder}_compare", HERE / folder / "compare.py")
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


net = load_module("net")
bars = net.bars
loops = net.loops
runtime = load_module("runtime")


class RulerTest(unittest.TestCase):
    def test_a_ratio_counts_only_between_two_floors_that_agree(self):
        def floor(cpu):
            return {"cpu_us": cpu}
        self.assertEqual(net.Bench.ratio_to_floor(floor(2.0), {"cpu_us": 3.0}, floor(2.0)), [1.5])
        self.assertEqual(net.Bench.ratio_to_floor(floor(2.0), {"cpu_us": 3.3}, floor(2.6)), [])
        self.assertEqual(net.Bench.ratio_to_floor(None, {"cpu_us": 3.3}, floor(2.6)), [])

    def test_a_smoke_run_in_which_nothing_was_answered_is_made_again_and_longer(self):
        made = []

        def measure(seconds):
            made.append(seconds)
            return ("figures", "") if len(made) == 3 else (None, "load: no reply came")

        bench = mock.Mock(options=mock.Mock(smoke=True))
        self.assertEqual(net.Bench.in_time(bench, measure, 1), ("figures", ""))
        self.assertEqual(made, [1, 10, 100])
        made.clear()
        bench.options.smoke = False
        self.assertEqual(net.Bench.in_time(bench, measure, 1), (None, "load: no reply came"))
        self.assertEqual(made, [1])

    def test_the_interval_leaves_out_what_the_binomial_allows(self):
        # P(X <= 3) for 15 fair coins is 1.8 %, P(X <= 4) is 5.9 %: the 4th value from each end.
        self.assertEqual(net.interval(range(1, 16)), (4, 12))
        self.assertEqual(net.interval([5, 1, 3]), (1, 5))
        self.assertEqual(net.interval([7]), (7, 7))


    def test_a_tail_has_a_ratio_of_its_own(self):
        floor, run = {"cpu_us": 2.0, "p99_us": 100}, {"cpu_us": 3.0, "p99_us": 120}
        self.assertEqual(net.Bench.ratio_to_floor(floor, run, floor, "p99_us"), [1.2])
        self.assertEqual(net.Bench.ratio_to_floor(floor, run, {"cpu_us": 2.0, "p99_us": 151}, "p99_us"), [])

    def test_a_bar_is_judged_by_the_better_reactor_and_missed_only_beyond_doubt(self):
        def row(server, ratios, tails=()):
            return net.row("http-64", server, ratios, {}, "", tails)
        slow, fast = row("stepwise, epoll", [1.3, 1.3, 1.3]), row("stepwise, io_uring", [1.04, 1.05, 1.06], [1.3, 1.4])
        self.assertEqual(bars.verdicts("http-64", [slow, fast, row("Beast", [1.5]), row("nginx", [1.02])]),
                         [(False, "at most 1.1 x floor: 1.05 on io_uring, met"),
                          (True, "at most 1.25 x the floor's p99: 1.35 on io_uring, MISSED"),
                          (False, "at most 1.5 x floor, Beast's: 1.05 on io_uring, met"),
                          (True, "at most 1.02 x floor, nginx's: 1.05 on io_uring, MISSED")])
        self.assertEqual(bars.verdicts("http-64", [row("stepwise, epoll", [1.09, 1.2, 1.3])])[0][0], False)
        self.assertEqual(bars.verdicts("http-64", [slow])[0][0], True)
        self.assertEqual(bars.verdicts("http-64", [row("stepwise, epoll", [])]), [])
        self.assertEqual([missed for missed, _ in bars.verdicts("file", [row("stepwise, epoll", [0.8, 0.8, 0.85])])],
                         [True])
        idle = row("stepwise, epoll", []) | {"last": {"bytes_per_connection": 512.4}}
        self.assertEqual(bars.verdicts("idle-http", [idle])[0][0], True)

    def test_a_missed_bar_is_told_with_what_a_bare_server_reaches(self):
        rows = [net.row("broadcast-500", name, ratios, {}, "")
                for name, ratios in (("stepwise, io_uring", [0.9]), ("bare io_uring", [0.85]), ("Beast", [1.5]))]
        self.assertEqual(bars.verdicts("broadcast-500", rows),
                         [(True, "at most 0.7 x floor: 0.90 on io_uring, MISSED; bare io_uring 0.85")])

    def test_two_loops_are_put_to_one(self):
        rows = loops.beside_one(net.row("loops-64", name, [ratio], {}, "") for name, ratio in
                                (("stepwise, epoll", 1.25), ("stepwise, epoll, 2 loops", 1.5),
                                 ("bare epoll, 2 processes", 1.1)))
        self.assertNotIn("beside_ratio", rows[0])
        self.assertAlmostEqual(rows[1]["beside_ratio"], 1.2)
        self.assertEqual(bars.verdicts("loops-64", rows),
                         [(True, "at most 1.15 x one loop's: 1.20 on epoll, 2 loops, MISSED; "
                                 "bare epoll, 2 processes 1.10")])

    def test_two_clients_who_saw_the_same_cpu_time_are_told_as_one(self):
        one, other = ({"count": count, "rate": count * 2, "cpu_us": 600 / count, "p99_us": count}
                      for count in (100, 200))
        self.assertEqual(loops.together(one, other), {"count": 300, "rate": 600, "cpu_us": 2.0, "p99_us": 200})

    def test_every_bar_is_of_a_case(self):
        self.assertLessEqual(set(bars.BARS), set(net.CASES))


class VerdictTest(unittest.TestCase):
    def shortfalls(self, **changed):
        one = {"row": "yield", "unit": "ns", "value": 9.0, "floor": 5.0, "peers": {"Asio": 10.0, "uvloop": 20.0},
               "allocations": 0.004, "instructions": 300, "floor_instructions": 100}
        return runtime.shortfalls(one | changed)

    def test_a_row_meets_its_bar_or_says_what_keeps_it_from_it(self):
        self.assertEqual(self.shortfalls(), [])
        self.assertEqual(self.shortfalls(instructions=301), ["3.01 > 3 times the floor"])
        self.assertEqual(self.shortfalls(value=10.0), ["behind Asio"])
        self.assertEqual(self.shortfalls(allocations=1), ["allocates 1.00"])
        self.assertEqual(self.shortfalls(peers={}, instructions=None), [])

    def test_a_cancellation_is_measured_by_the_bare_throws_alone(self):
        self.assertEqual(self.shortfalls(row="cancel_4_deep", instructions=124, value=99), [])
        self.assertEqual(self.shortfalls(row="cancel_4_deep", instructions=126), ["1.26 > 1.25 times the floor"])

    def test_a_suspended_task_has_a_bound_in_bytes(self):
        self.assertEqual(self.shortfalls(unit="bytes", value=256, peers={"Asio": 688}, allocations=2), [])
        self.assertEqual(self.shortfalls(unit="bytes", value=257, peers={"Asio": 688}), ["over 256 bytes"])


class NginxTest(unittest.TestCase):
    def test_a_port_that_another_took_is_left_to_it(self):
        if net.nginx.lacks("http", pathlib.Path()):
            self.skipTest(net.nginx.lacks("http", pathlib.Path()))
        ask = socket.create_server
        with ask(("127.0.0.1", 0)) as taken, tempfile.TemporaryDirectory() as folder:
            gone = contextlib.nullcontext(mock.Mock(getsockname=taken.getsockname))
            with mock.patch("socket.create_server", side_effect=[gone, ask(("127.0.0.1", 0))]):
                with net.nginx.Nginx(folder, None) as server:
                    self.assertNotEqual(server.port, taken.getsockname()[1])
                    socket.create_connection(("127.0.0.1", server.port), 20).close()


class SmokeTest(unittest.TestCase):
    def run_bench(self, folder, *arguments):
        with tempfile.NamedTemporaryFile(suffix=".json") as file:
            command = [sys.executable, HERE / folder / "compare.py", BUILD, "--smoke", "--json", file.name, *arguments]
            done = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=250)
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
            return json.load(file)

    def test_every_case_of_the_ruler_runs_on_both_reactors(self):
        rows = self.run_bench("net")
        for case in net.CASES:
            with self.subTest(case=case):
                if any(row["case"] == case and "skipped" in row for row in rows):
                    self.skipTest(next(row["skipped"] for row in rows if row["case"] == case))
                servers = {row["server"] for row in rows if row["case"] == case and row["last"]}
                self.assertLessEqual({"stepwise, epoll", "stepwise, io_uring"}, servers)

    def test_the_client_runs_on_both_reactors(self):
        rows = self.run_bench("client")
        self.assertEqual({row["name"] for row in rows}, {"stepwise, epoll", "stepwise, io_uring"})
        for row in rows:
            self.assertGreater(row["requests_per_cpu_second"], 0)

    def test_every_row_of_the_runtime_runs(self):
        rows = self.run_bench("runtime")
        self.assertGreater(len(rows), 20)
        for row in rows:
            with self.subTest(row=row["row"]):
                self.assertGreater(row["value"], 0)
                self.assertGreater(row["floor"], 0)
                if row["unit"] == "ns":
                    self.assertLess(row["allocations"], 2)

    def test_an_unknown_case_or_row_is_refused(self):
        for folder, arguments in (("net", ["--cases", "ftp"]), ("runtime", ["fly"])):
            with self.subTest(folder=folder):
                command = [sys.executable, str(HERE / folder / "compare.py"), BUILD, *arguments]
                done = subprocess.run(command, capture_output=True, text=True, timeout=60)
                self.assertEqual(done.returncode, 2)
                self.assertIn(arguments[-1], done.stderr)


if __name__ == "__main__":
    python_suite.main()
