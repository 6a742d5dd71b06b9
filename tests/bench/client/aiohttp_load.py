"""The same as client_load, with Python's aiohttp: `aiohttp_load.py URL REQUESTS CONNECTIONS`."""

import asyncio
import json
import sys
import time

import aiohttp


async def ask(session, url, count):
    for _ in range(count):
        async with session.get(url) as response:
            await response.read()


async def main(url, requests, connections):
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=connections)) as session:
        await asyncio.gather(*(ask(session, url, 1) for _ in range(connections)))
        before = time.process_time()
        await asyncio.gather(*(ask(session, url, requests // connections) for _ in range(connections)))
        seconds = time.process_time() - before
    print(json.dumps({"requests": requests // connections * connections, "cpu_seconds": seconds}))


asyncio.run(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
