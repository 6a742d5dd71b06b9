#!/usr/bin/env python3
"""The rows that Python's asyncio has, with the same arguments and answers as the C++ programs: `[ROW COUNT]`."""

import asyncio
import json
import sys
import threading
import time

WARM_UP_COUNT = 500


async def at_once():
    return 1


async def create_await(count):
    for _ in range(count):
        await at_once()


async def descend(levels):
    if levels > 1:
        await descend(levels - 1)


async def await_chain_1000(count):
    # Less deep at once than the interpreter's own limit.
    for _ in range(0, count, 500):
        await descend(500)


async def fibonacci(n):
    return n if n < 2 else await fibonacci(n - 1) + await fibonacci(n - 2)


async def fibonacci_25(count):
    await fibonacci(25 if count > WARM_UP_COUNT else 10)


async def yields(count):
    for _ in range(count):
        await asyncio.sleep(0)


async def yield_10000_tasks(count):
    await asyncio.gather(*(yields(max(1, count // 10000)) for _ in range(10000)))


async def future_wakes_task(count):
    loop = asyncio.get_running_loop()
    for _ in range(count):
        future = loop.create_future()
        loop.call_soon(future.set_result, 1)
        await future


async def create_task_join(count):
    for _ in range(count):
        await asyncio.create_task(at_once())


async def gather_1000(count):
    for _ in range(0, count, 1000):
        await asyncio.gather(*(at_once() for _ in range(1000)))


async def call_soon_reposting(count):
    loop, done, left = asyncio.get_running_loop(), asyncio.Event(), count

    def repost():
        nonlocal left
        left -= 1
        if left:
            loop.call_soon(repost)
        else:
            done.set()
    loop.call_soon(repost)
    await done.wait()


async def call_soon_batches_1000(count):
    loop = asyncio.get_running_loop()
    for _ in range(0, count, 1000):
        for _ in range(1000):
            loop.call_soon(int)
        await asyncio.sleep(0)


async def timer_cancel(count):
    loop = asyncio.get_running_loop()
    for _ in range(count):
        loop.call_later(60, int).cancel()


async def call_soon_threadsafe(count):
    loop, done = asyncio.get_running_loop(), asyncio.Event()

    def post():
        for _ in range(count):
            loop.call_soon_threadsafe(int)
        loop.call_soon_threadsafe(done.set)
    poster = threading.Thread(target=post)
    poster.start()
    await done.wait()
    poster.join()


async def wait_below(levels, future):
    if levels:
        await wait_below(levels - 1, future)
    else:
        await future


def cancel(levels):
    async def cancels(count):
        loop = asyncio.get_running_loop()
        for _ in range(count):
            task = asyncio.create_task(wait_below(levels, loop.create_future()))
            await asyncio.sleep(0)
            task.cancel()
            while not task.done():
                await asyncio.sleep(0)
    return cancels


ROWS = {
    "create_await": (create_await, 300_000),
    "await_chain_1000": (await_chain_1000, 200_000),
    "fibonacci_25": (fibonacci_25, 242_785),
    "yield": (yields, 100_000),
    "yield_10000_tasks": (yield_10000_tasks, 100_000),
    "future_wakes_task": (future_wakes_task, 50_000),
    "create_task_join": (create_task_join, 50_000),
    "gather_1000": (gather_1000, 50_000),
    "call_soon_reposting": (call_soon_reposting, 100_000),
    "call_soon_batches_1000": (call_soon_batches_1000, 200_000),
    "timer_cancel": (timer_cancel, 100_000),
    "call_soon_threadsafe": (call_soon_threadsafe, 50_000),
    "cancel_0_deep": (cancel(0), 20_000),
    "cancel_4_deep": (cancel(4), 10_000),
    "cancel_16_deep": (cancel(16), 5_000),
}


async def measure(operations, count):
    await operations(WARM_UP_COUNT)
    started = time.perf_counter_ns()
    await operations(count)
    return (time.perf_counter_ns() - started) / count


def main(arguments):
    if not arguments:
        for name, (_, count) in ROWS.items():
            print(name, count)
        return 0
    if len(arguments) != 2 or arguments[0] not in ROWS:
        print("usage: peer_asyncio.py [ROW COUNT]", file=sys.stderr)
        return 2
    print(json.dumps({"ns": asyncio.run(measure(ROWS[arguments[0]][0], int(arguments[1])))}))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
