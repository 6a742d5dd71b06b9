#!/usr/bin/env python3
"""The rows that Python's asyncio has, with the same arguments and answers as the C++ programs: `[ROW COUNT]`.

With `--uvloop` in front, on uvloop's loop.
"""

import asyncio
import json
import statistics
import sys
import threading
import time
import tracemalloc

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


async def echo(questions, answers, count):
    for _ in range(count):
        await answers.put(await questions.get())


async def queue_round_trip(count):
    questions, answers = asyncio.Queue(1), asyncio.Queue(1)
    other = asyncio.create_task(echo(questions, answers, count))
    for _ in range(count):
        await questions.put(1)
        await answers.get()
    await other


async def produce(queue, count):
    for _ in range(count):
        await queue.put(1)


async def queue_64_item(count):
    queue = asyncio.Queue(64)
    producer = asyncio.create_task(produce(queue, count))
    for _ in range(count):
        await queue.get()
    await producer


async def generator_value(count):
    def numbers():
        for number in range(count):
            yield number
    for _ in numbers():
        pass


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


async def thread_latency_p50(count):
    """Its result is the median itself, in nanoseconds."""
    loop, done, called, times = asyncio.get_running_loop(), asyncio.Event(), threading.Semaphore(0), []
    loop_sleeps = threading.Event()  # which nobody sets: its wait ends with its time

    def arrived(posted):
        times.append(time.perf_counter_ns() - posted)
        called.release()

    def post():
        for _ in range(count):
            loop.call_soon_threadsafe(arrived, time.perf_counter_ns())
            called.acquire()
            loop_sleeps.wait(50e-6)
        loop.call_soon_threadsafe(done.set)
    poster = threading.Thread(target=post)
    poster.start()
    await done.wait()
    poster.join()
    return statistics.median(times)


async def suspended_task_bytes(count):
    future = asyncio.get_running_loop().create_future()
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    tasks = [asyncio.create_task(wait_below(0, future)) for _ in range(count)]
    await asyncio.sleep(0)
    made = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    future.set_result(None)
    await asyncio.gather(*tasks)
    return made / count


async def wait_below(levels, future):
    if levels:
        await wait_below(levels - 1, future)
    else:
        await future


def cancel(levels):
    async def cancels(count):
        """Its result is the time of one, in nanoseconds, without what came before."""
        loop = asyncio.get_running_loop()
        tasks = [asyncio.create_task(wait_below(levels, loop.create_future())) for _ in range(count)]
        await asyncio.sleep(0)
        started = time.perf_counter_ns()
        for task in tasks:
            task.cancel()
        while not tasks[-1].done():
            await asyncio.sleep(0)
        return (time.perf_counter_ns() - started) / count
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
    "queue_round_trip": (queue_round_trip, 50_000),
    "queue_64_item": (queue_64_item, 100_000),
    "generator_value": (generator_value, 1_000_000),
    "suspended_task_bytes": (suspended_task_bytes, 20_000),
    "call_soon_reposting": (call_soon_reposting, 100_000),
    "call_soon_batches_1000": (call_soon_batches_1000, 200_000),
    "timer_cancel": (timer_cancel, 100_000),
    "call_later_cancel": (timer_cancel, 100_000),
    "call_soon_threadsafe": (call_soon_threadsafe, 50_000),
    "thread_latency_p50": (thread_latency_p50, 5_000),
    "cancel_0_deep": (cancel(0), 20_000),
    "cancel_4_deep": (cancel(4), 20_000),
    "cancel_16_deep": (cancel(16), 20_000),
}


async def measure(operations, count):
    await operations(WARM_UP_COUNT)
    started = time.perf_counter_ns()
    measured = await operations(count)
    return (time.perf_counter_ns() - started) / count if measured is None else measured


def main(arguments):
    if arguments[:1] == ["--uvloop"]:
        import uvloop
        uvloop.install()
        arguments = arguments[1:]
    if not arguments:
        for name, (_, count) in ROWS.items():
            print(name, count)
        return 0
    if len(arguments) != 2 or arguments[0] not in ROWS:
        print("usage: peer_asyncio.py [--uvloop] [ROW COUNT]", file=sys.stderr)
        return 2
    value = asyncio.run(measure(ROWS[arguments[0]][0], int(arguments[1])))
    print(json.dumps({"bytes" if arguments[0].endswith("_bytes") else "ns": value}))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
