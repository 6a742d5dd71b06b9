#!/usr/bin/python3
# The page "From Tornado", Tornado's half, for Tornado 6. ../from_tornado.cpp prints the same.
import asyncio
import json
import os
import sys
import tempfile

import tornado.httpserver
import tornado.httputil
import tornado.ioloop
import tornado.options
from tornado.httpclient import AsyncHTTPClient, HTTPClientError, HTTPRequest
from tornado.template import DictLoader
from tornado.web import Application, HTTPError, RequestHandler
from tornado.websocket import WebSocketHandler, websocket_connect

address = ""


#[ hello
class Hello(RequestHandler):
    def get(self):
        name = self.get_argument("name")  # 400 without it
        self.write({"hello": name})       # a dict becomes JSON
#]


#[ cookie
class Visits(RequestHandler):
    def get(self):
        seen = self.get_secure_cookie("visits")
        visits = int(seen or 0) + 1
        self.set_secure_cookie("visits", str(visits))
        self.write(f"visit {visits}")
#]


#[ coroutine
class Later(RequestHandler):
    async def get(self):
        length = await self.length_of("/slow")
        self.write(f"{length} bytes")

    async def length_of(self, path):
        response = await AsyncHTTPClient().fetch(address + path)
        return len(response.body)
#]


class Slow(RequestHandler):
    async def get(self):
        await asyncio.sleep(0.01)
        self.write("slowly")


#[ error
class Denied(RequestHandler):
    def get(self):
        raise HTTPError(403, reason="not for you")
#]


class Echo(RequestHandler):
    def check_xsrf_cookie(self):
        pass

    def post(self):
        self.write(f"{self.request.method} {self.request.headers['X-Kind']} {self.request.body.decode()}")


#[ template
HOME = """<h1>{{ name }}</h1>
<link rel="stylesheet" href="{{ static_url("site.css") }}">
<form method="post">{% raw field %}</form>
{% for film in films %}<li>{{ film }}</li>{% end %}"""
#]


#[ page
class Home(RequestHandler):
    def get(self):
        self.render("home.html", name=self.get_argument("name"), films=["Goddess", "Spring"],
                    field=self.xsrf_form_html())

    def post(self):  # xsrf_cookies=True has looked at it before
        self.write("welcome")
#]


#[ remote
class Where(RequestHandler):
    def get(self):
        self.write(self.request.remote_ip)
#]


#[ websocket
class Chat(WebSocketHandler):
    users = []

    def check_origin(self, origin):
        return origin == "http://page.example"

    def open(self):
        self.name = self.get_argument("name")
        self.users.append(self)
        self.tell("came")

    def on_message(self, message):
        self.tell("says " + message)

    def on_close(self):
        self.users.remove(self)
        self.tell(f"left {self.close_code}")

    def tell(self, text):
        for user in self.users:
            user.write_message(f"{self.name} {text}")
#]


def make_application(folder):
    templates = DictLoader({"home.html": HOME})
    #[ application
    application = Application([
        (r"/hello", Hello),
        (r"/visits", Visits),
        (r"/later", Later),
        (r"/home", Home),
        (r"/chat", Chat),
    ], cookie_secret="a key that nobody can guess", xsrf_cookies=True, static_path=folder, template_loader=templates)
    #]
    application.add_handlers(r".*", [(r"/slow", Slow), (r"/denied", Denied), (r"/echo", Echo), (r"/where", Where)])
    return application


async def get(path, **headers):
    return await AsyncHTTPClient().fetch(HTTPRequest(address + path, headers=headers), raise_error=False)


def cookie_of(response):
    return response.headers["Set-Cookie"].partition(";")[0]


async def arguments():
    response = await get("/hello?name=Ada")
    print(f"hello: {response.code} {response.headers['Content-Type'].partition(';')[0]} "
          f"{json.loads(response.body)['hello']}")
    print(f"hello: {(await get('/hello')).code} without a name")


async def cookies():
    first = await get("/visits")
    second = await get("/visits", Cookie=cookie_of(first))
    forged = await get("/visits", Cookie="visits=100")
    print(f"cookie: {first.body.decode()}, {second.body.decode()}; forged: {forged.body.decode()}")


async def coroutines():
    print(f"coroutine: {(await get('/later')).body.decode()}")


#[ parallel
async def several():
    client = AsyncHTTPClient()
    first, second = await asyncio.gather(client.fetch(address + "/slow"),
                                         client.fetch(address + "/hello?name=B"))
    print(f"list: {first.code} {second.code}")
#]


#[ fetch
async def fetches():
    request = HTTPRequest(address + "/echo", method="POST", headers={"X-Kind": "letter"}, body="dear")
    response = await AsyncHTTPClient().fetch(request)
    print(f"fetch: {response.code} {response.reason} {response.body.decode()}")
    try:
        await AsyncHTTPClient().fetch(address + "/nowhere")
    except HTTPClientError as error:  # any status but 2xx
        print(f"fetch: {error.code}")
    try:
        await AsyncHTTPClient().fetch("http://127.0.0.1:1/")
    except OSError:
        print("fetch: refused")
#]


async def errors():
    print(f"error: {(await get('/denied')).code}")


async def pages():
    page = await get("/home?name=Ada+%3C3")
    text = page.body.decode()
    print(f"page: {text[:text.index('<link')].strip()} versioned {'site.css?v=' in text} "
          f"films {text.count('<li>')}")
    token = text.partition('value="')[2].partition('"')[0]
    for fields in ("", f"_xsrf={tornado.httputil.url_concat('', {'t': token})[3:]}"):
        posted = await AsyncHTTPClient().fetch(
            HTTPRequest(address + "/home", method="POST", headers={"Cookie": cookie_of(page)}, body=fields),
            raise_error=False)
        print(f"xsrf: {posted.code}")


async def places():
    print(f"remote: {(await get('/where', **{'X-Forwarded-For': '192.0.2.7'})).body.decode()}")


async def talk():
    url = address.replace("http:", "ws:") + "/chat?name="
    origin = {"Origin": "http://page.example"}
    ada = await websocket_connect(HTTPRequest(url + "Ada", headers=origin))
    print("chat:", await ada.read_message())
    bob = await websocket_connect(HTTPRequest(url + "Bob", headers=origin))
    print("chat:", await ada.read_message())
    await bob.write_message("hi")
    print("chat:", await ada.read_message())
    bob.close(1000)
    print("chat:", await ada.read_message())
    ada.close()


async def everything():
    for part in (arguments, cookies, coroutines, several, fetches, errors, pages, places, talk):
        await part()


async def main():
    global address
    with tempfile.TemporaryDirectory() as folder:
        with open(os.path.join(folder, "site.css"), "w", encoding="utf-8") as style:
            style.write("h1 { color: green }")
        #[ listen
        server = tornado.httpserver.HTTPServer(make_application(folder), xheaders=True)
        #]
        [socket] = tornado.netutil.bind_sockets(0, "127.0.0.1")
        server.add_socket(socket)
        address = f"http://127.0.0.1:{socket.getsockname()[1]}"
        await everything()
        server.stop()
        await server.close_all_connections()


if __name__ == "__main__":
    sys.stdout.reconfigure(line_buffering=True)
    import logging
    logging.disable(logging.CRITICAL)
    asyncio.run(main())
