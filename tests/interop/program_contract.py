"""What every server program promises on its command line and at its end, tested on whichever program a suite is about.
A suite mixes ServerProgramContract into a TestCase of its own and sets `program` and `reactor`."""

import os
import resource
import signal
import socket
import subprocess

from server_process import LISTENING, ServerProcess


class ServerProgramContract:
    program = None
    reactor = None

    def start(self, *flags):
        return ServerProcess(self.program, "--reactor", self.reactor, *flags)

    def run_to_its_end(self, *flags):
        run = subprocess.run([self.program, *flags], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                             timeout=30)
        return run.returncode, run.stdout, run.stderr

    def assert_refused(self, flags, word):
        code, out, errors = self.run_to_its_end(*flags)
        self.assertEqual((code, out), (2, ""), errors)
        self.assertEqual(errors.count("\n"), 1, f"one line on stderr: {errors!r}")
        self.assertIn(word, errors)

    def test_help_lists_the_flags(self):
        code, out, _ = self.run_to_its_end("--help")
        self.assertEqual(code, 0)
        for flag in ("--port", "--host", "--reactor", "--threads", "--tls-cert", "--tls-key", "--help"):
            self.assertIn(flag, out)

    def test_it_may_hold_as_many_connections_as_the_hard_limit_of_descriptors_lets_it(self):
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (32, hard))  # for the program, which inherits it
        try:
            started = self.start()
            with started as server:
                resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
                self.assertEqual(resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE), (hard, hard))
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))

    def test_wrong_flags_get_one_line_and_exit_code_2(self):
        for flags, word in ((["--no-such-flag"], "--no-such-flag"), (["--port", "many"], "port"),
                            (["--port", "65536"], "port"), (["--reactor", "fusion"], "reactor"),
                            (["--threads", "0"], "threads"), (["--threads", "two"], "threads")):
            with self.subTest(flags=flags):
                self.assert_refused(flags, word)

    def test_a_taken_port_gets_one_line_and_exit_code_2(self):
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = str(taken.getsockname()[1])
            self.assert_refused(["--port", port, "--reactor", self.reactor], port)

    def test_a_port_is_taken_too_for_two_threads_that_would_share_it_and_for_who_would_share_it_with_them(self):
        two = ["--threads", "2", "--reactor", self.reactor]
        with socket.socket() as shared:
            shared.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            shared.bind(("127.0.0.1", 0))
            shared.listen()
            port = str(shared.getsockname()[1])
            self.assert_refused(["--port", port, *two], port)
        with self.start("--threads", "2") as server:
            port = str(server.port)
            self.assert_refused(["--port", port, *two], port)
            self.assert_refused(["--port", port, "--reactor", self.reactor], port)

    def test_two_threads_listen_once_serve_both_and_end_in_order_with_connections_open(self):
        for how in (signal.SIGTERM, signal.SIGINT):
            with self.subTest(how=how.name), self.start("--threads", "2") as server:
                self.assertGreaterEqual(len(os.listdir(f"/proc/{server.process.pid}/task")), 2)
                held = []
                for _ in range(20):  # the kernel spreads them by their address
                    held.append(socket.create_connection(server.address, timeout=20))
                    held[-1].sendall(b"GET /not-there HTTP/1.1\r\nHost: test\r\n\r\n")
                    self.assertEqual(held[-1].recv(9), b"HTTP/1.1 ")
                self.assertEqual(server.stop(how), 0, server.errors())
                for connection in held:
                    connection.close()
                self.assertEqual(len(server.output), 1, server.output)

    def test_it_says_once_where_it_listens_and_only_there(self):
        with self.start("--host", "127.0.0.1") as server:
            self.assertEqual(server.host, "127.0.0.1")
        self.assertEqual(len([line for line in server.output if LISTENING.match(line)]), 1)

    def test_sigterm_and_sigint_end_it_with_exit_code_0(self):
        for how in (signal.SIGTERM, signal.SIGINT):
            with self.subTest(how=how.name), self.start() as server:
                self.assertEqual(server.stop(how), 0, server.errors())

    def test_a_silent_connection_does_not_hold_up_the_end(self):
        with self.start() as server, socket.create_connection(server.address):
            self.assertEqual(server.stop(), 0, server.errors())

    def test_the_reactor_can_be_named_in_the_environment(self):
        os.environ["STEPWISE_REACTOR"] = self.reactor
        try:
            with ServerProcess(self.program) as server:
                self.assertEqual(server.stop(), 0, server.errors())
        finally:
            del os.environ["STEPWISE_REACTOR"]
