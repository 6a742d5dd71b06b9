#!/usr/bin/python3
# Chapter 28, the "before", for Tornado 6: an on_close that is a coroutine is never run, and the member stays.
# ../dropped_on_close.cpp says the same of a caller like this one. Python warns on stderr.
import asyncio

import tornado.httpserver
import tornado.netutil
from tornado.web import Application
from tornado.websocket import WebSocketHandler, websocket_connect

room = set()
said = []


#[ member
class Member(WebSocketHandler):
    def open(self):
        room.add(self)

    def on_message(self, message):
        pass

    async def on_close(self):
        said.append("bye")
        await asyncio.sleep(0.01)
        room.discard(self)
#]


async def come_and_go():
    sockets = tornado.netutil.bind_sockets(0, "127.0.0.1")
    server = tornado.httpserver.HTTPServer(Application([("/", Member)]))
    server.add_sockets(sockets)
    client = await websocket_connect(f"ws://127.0.0.1:{sockets[0].getsockname()[1]}/")
    await client.write_message("here")
    client.close()
    await client.read_message()  # None: it is closed
    await asyncio.sleep(0.1)
    print(f"bye: {'yes' if said else 'no'}, members: {len(room)}")


asyncio.run(come_and_go())
