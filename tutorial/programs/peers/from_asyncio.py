#!/usr/bin/env python3
# The page "From asyncio", Python's half. ../from_asyncio.cpp prints the same, but for the lines that begin with a *.
import asyncio
import contextvars
import os
import signal
import socket
import sys


#[ main
async def add(left, right):
    await asyncio.sleep(0.01)
    return left + right


async def waits_for_a_child():
    total = await add(1, 2)
    print(f"main: {total}")
#]


#[ tasks
async def starts_tasks():
    task = asyncio.create_task(add(3, 4), name="adder")
    print(f"task: {task.get_name()} done {task.done()}")
    print(f"task: {await task}")
#]


async def after(milliseconds, name):
    await asyncio.sleep(milliseconds / 1000)
    return name


#[ gather
async def gathers():
    first, second = await asyncio.gather(add(1, 1), after(5, "b"))
    print(f"gather: {first} {second}")
    done, pending = await asyncio.wait(
        [asyncio.create_task(after(5, "quick")), asyncio.create_task(after(3600_000, "slow"))],
        return_when=asyncio.FIRST_COMPLETED)
    print(f"wait: {len(done)} done, {len(pending)} pending")
    for task in pending:
        task.cancel()
    for next_one in asyncio.as_completed([after(40, "last"), after(1, "first")]):
        print(f"as_completed: {await next_one}")
#]


#[ group
async def fails():
    raise ValueError("no such user")


async def groups():
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(after(3600_000, "sibling"))
            group.create_task(fails())
    except* ValueError as errors:
        print(f"group: {errors.exceptions[0]}")
#]


#[ timeout
async def times_out():
    try:
        async with asyncio.timeout(0.01):
            await after(3600_000, "never")
    except TimeoutError:
        print("timeout: the time is up")
#]


#[ swallow
async def swallows():
    try:
        await asyncio.sleep(3600)
    except asyncio.CancelledError:
        pass  # an edge: it has been told, and that was that
    try:
        await asyncio.sleep(0)
        print("* swallowed: the next await goes on")
    except asyncio.CancelledError:
        print("* swallowed: the next await throws again")


async def cancels():
    task = asyncio.create_task(swallows())
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task])
    print(f"* cancelled: {task.cancelled()}")
#]


#[ cleanup
async def close(name):
    await asyncio.sleep(0.01)
    print(f"cleanup: closed {name}")


async def uses(name):
    try:
        await asyncio.sleep(3600)
    finally:
        await asyncio.shield(close(name))


async def cleans_up():
    task = asyncio.create_task(uses("a file"))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task])
    print(f"cleanup: cancelled {task.cancelled()}")
#]


#[ queue
async def produces(queue):
    for number in range(3):
        await queue.put(number)
    await queue.put(None)


async def consumes():
    queue = asyncio.Queue(maxsize=1)
    producer = asyncio.create_task(produces(queue))
    while (number := await queue.get()) is not None:
        print(f"queue: {number}")
    await producer
#]


#[ lock
async def synchronizes():
    lock, ready = asyncio.Lock(), asyncio.Event()

    async def sets():
        async with lock:
            ready.set()

    task = asyncio.create_task(sets())
    await ready.wait()
    print(f"event: set {ready.is_set()}")
    await task
#]


#[ callbacks
async def calls_back():
    loop = asyncio.get_running_loop()
    future = loop.create_future()
    future.add_done_callback(lambda done: print(f"callback: {done.result()}"))
    loop.call_later(0.01, future.set_result, 42)
    loop.call_soon(print, "callback: soon")
    print(f"future: {await future}")
#]


#[ threads
def blocks(loop, told):
    loop.call_soon_threadsafe(told.set)
    return sum(range(10))


async def uses_threads():
    told = asyncio.Event()
    total = await asyncio.to_thread(blocks, asyncio.get_running_loop(), told)
    await told.wait()
    print(f"thread: {total}")
#]


#[ streams
async def echo(reader, writer):
    writer.write(await reader.readuntil(b"\n"))
    await writer.drain()
    writer.close()


async def speaks():
    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
    writer.write(b"hello\n")
    line = await reader.readuntil(b"\n")
    print(f"stream: {line.decode().strip()}")
    writer.close()
    server.close()
#]


#[ process
async def runs_a_process():
    process = await asyncio.create_subprocess_exec(
        "tr", "a-z", "A-Z", stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE)
    output, _ = await process.communicate(b"loud")
    print(f"process: {output.decode()} {process.returncode}")
#]


#[ signal
async def takes_a_signal():
    loop, arrived = asyncio.get_running_loop(), asyncio.Event()
    loop.add_signal_handler(signal.SIGUSR1, arrived.set)
    os.kill(os.getpid(), signal.SIGUSR1)
    await arrived.wait()
    loop.remove_signal_handler(signal.SIGUSR1)
    print("signal: arrived")
#]


#[ reader
async def watches():
    loop = asyncio.get_running_loop()
    here, there = socket.socketpair()
    readable = asyncio.Event()
    loop.add_reader(here.fileno(), readable.set)
    there.send(b"!")
    await readable.wait()
    loop.remove_reader(here.fileno())
    print(f"reader: {here.recv(1).decode()}")
    here.close()
    there.close()
#]


#[ context
request_id = contextvars.ContextVar("request_id", default="none")


async def logs():
    return request_id.get()


async def inherits():
    request_id.set("17")
    task = asyncio.create_task(logs())
    request_id.set("18")
    print(f"context: {await task} {request_id.get()}")
#]


#[ generator
async def ticks(count):
    for tick in range(count):
        await asyncio.sleep(0.001)
        yield tick


async def iterates():
    async for tick in ticks(2):
        print(f"generator: {tick}")
#]


async def main():
    for part in (waits_for_a_child, starts_tasks, gathers, groups, times_out, cancels, cleans_up, consumes,
                 synchronizes, calls_back, uses_threads, speaks, runs_a_process, takes_a_signal, watches, inherits,
                 iterates):
        await asyncio.create_task(part())


if __name__ == "__main__":
    sys.stdout.reconfigure(line_buffering=True)
    #[ run
    asyncio.run(main())
    #]
