#!/usr/bin/env python3
"""Python's aiohttp as the server of http::Client, and as a client of http_hello:
`aiohttp_test.py HTTP_HELLO CLIENT_PROGRAM REACTOR`."""

import asyncio
import os
import pathlib
import subprocess
import sys
import threading
import unittest

import aiohttp
from aiohttp import web

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import python_suite  # noqa: E402
from server_process import ServerProcess  # noqa: E402

PROGRAM, CLIENT, REACTOR = (sys.argv + ["", "", ""])[1:4]
WAIT_SECONDS_MAX = 60
LARGE = "0123456789" * 50_000


async def hello(_):
    return web.Response(text="hello")


async def coded(request):
    response = web.Response(text=LARGE)
    response.enable_compression(web.ContentCoding(request.match_info["coding"]))
    return response


async def redirect(request):
    left = int(request.match_info["left"])
    raise web.HTTPFound(f"/redirect/{left - 1}" if left > 0 else "../hello")


async def set_cookie(_):
    response = web.HTTPSeeOther("/cookies")
    response.set_cookie("seen", "yes")
    response.set_cookie("elsewhere", "no", path="/elsewhere")
    raise response


async def cookies(request):
    return web.Response(text=",".join(f"{name}={value}" for name, value in sorted(request.cookies.items())))


async def chunked(request):
    response = web.StreamResponse()
    await response.prepare(request)
    for word in ("one", "two", "three"):
        await response.write(word.encode())
    await response.write_eof()
    return response


async def upload(request):
    count = 0
    async for piece in request.content.iter_any():
        count += len(piece)
    return web.Response(text=f"{count},{request.headers.get('Transfer-Encoding')}")


async def port(request):
    return web.Response(text=str(request.transport.get_extra_info("peername")[1]))


class AiohttpServer:
    """In a thread of its own, on a free port."""

    def __enter__(self):
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever)
        self.thread.start()
        self.port = asyncio.run_coroutine_threadsafe(self.start(), self.loop).result(WAIT_SECONDS_MAX)
        return self

    async def start(self):
        application = web.Application()
        application.add_routes([
            web.get("/hello", hello), web.get("/coded/{coding}", coded), web.get("/redirect/{left}", redirect),
            web.get("/set_cookie", set_cookie), web.get("/cookies", cookies), web.get("/chunked", chunked),
            web.post("/upload", upload), web.get("/port", port)])
        self.runner = web.AppRunner(application)
        await self.runner.setup()
        site = web.TCPSite(self.runner, "127.0.0.1", 0)
        await site.start()
        return site._server.sockets[0].getsockname()[1]

    def __exit__(self, *_):
        asyncio.run_coroutine_threadsafe(self.runner.cleanup(), self.loop).result(WAIT_SECONDS_MAX)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(WAIT_SECONDS_MAX)
        self.loop.close()


class ClientOfAiohttp(unittest.TestCase):
    def ask(self, *lines):
        with AiohttpServer() as server:
            base = f"http://127.0.0.1:{server.port}"
            text = "".join(f"{method} {base}{rest}\n" for method, rest in (line.split(" ", 1) for line in lines))
            done = subprocess.run([CLIENT], input=text, capture_output=True, text=True, timeout=WAIT_SECONDS_MAX)
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            return [line.replace(base, "") for line in done.stdout.splitlines()]

    def test_bodies_come_whole_whatever_their_framing_and_coding(self):
        self.assertEqual(self.ask("GET /hello", "GET /chunked", "GET /coded/gzip", "GET /coded/deflate"), [
            "200 /hello hello", "200 /chunked onetwothree", f"200 /coded/gzip {LARGE}", f"200 /coded/deflate {LARGE}"])

    def test_redirects_end_where_they_lead(self):
        self.assertEqual(self.ask("GET /redirect/5"), ["200 /hello hello"])
        self.assertIn("more redirects than redirects_max (10)", self.ask("GET /redirect/50")[0])

    def test_cookies_come_back(self):
        self.assertEqual(self.ask("GET /cookies", "GET /set_cookie", "GET /cookies"), [
            "200 /cookies ", "200 /cookies seen=yes", "200 /cookies seen=yes"])

    def test_uploads_arrive_with_a_length_or_in_chunks(self):
        self.assertEqual(self.ask("POST /upload hello", "POST /upload @100"), [
            "200 /upload 5,None", "200 /upload 1000000,chunked"])

    def test_one_connection_serves_all(self):
        ports = self.ask("GET /port", "GET /hello", "GET /redirect/3", "GET /port", "POST /upload @3", "GET /port")
        self.assertEqual(len({line for line in ports if "/port" in line}), 1)


class AiohttpAsClient(unittest.TestCase):
    def test_it_gets_what_it_asks_for_over_one_connection_and_over_many(self):
        async def ask(base):
            async with aiohttp.ClientSession() as session:
                for _ in range(20):
                    async with session.get(base + "/") as response:
                        self.assertEqual((response.status, await response.text()), (200, "Hello, World!"))
                    async with session.post(base + "/echo", data=b"x" * 10_000) as response:
                        self.assertEqual(await response.read(), b"x" * 10_000)
                async with session.post(base + "/echo", data=self.pieces()) as response:
                    self.assertEqual(await response.read(), b"piece" * 3)
                async with session.get(base + "/nowhere") as response:
                    self.assertEqual(response.status, 404)
                bodies = await asyncio.gather(*(self.body(session, base) for _ in range(50)))
                self.assertEqual(set(bodies), {"Hello, World!"})

        with ServerProcess(PROGRAM) as server:
            asyncio.run(asyncio.wait_for(ask(server.url("")), WAIT_SECONDS_MAX))

    @staticmethod
    async def pieces():
        for _ in range(3):
            yield b"piece"

    @staticmethod
    async def body(session, base):
        async with session.get(base + "/") as response:
            return await response.text()


if __name__ == "__main__":
    os.environ["STEPWISE_REACTOR"] = REACTOR
    python_suite.main()
