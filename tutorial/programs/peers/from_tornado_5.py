#!/usr/bin/python3
# The page "From Tornado": how it was written until Tornado 5.1. Tornado 6 has it no more: this is read, and not run.
import json

import tornado.gen
import tornado.httpserver
import tornado.ioloop
import tornado.options
import tornado.web
from tornado.httpclient import AsyncHTTPClient

UPSTREAM = "http://127.0.0.1:8001/films?genre="


#[ callback
class Students1Handler(tornado.web.RequestHandler):
    @tornado.web.asynchronous  # get() returns, and the request stays open
    def get(self):
        url = UPSTREAM + self.get_argument("genre", "popular")
        AsyncHTTPClient().fetch(url, callback=self.on_response)

    def on_response(self, response):
        if response.error:
            self.send_error(502)  # which finishes the request: a finish() behind it is one too many
        else:
            self.write(json.loads(response.body))
            self.finish()
#]


#[ coroutine
class Students2Handler(tornado.web.RequestHandler):
    @tornado.gen.coroutine
    def get(self):
        url = UPSTREAM + self.get_argument("genre", "popular")
        response = yield AsyncHTTPClient().fetch(url)
        self.write(json.loads(response.body))
#]


#[ split
class Students3Handler(tornado.web.RequestHandler):
    @tornado.gen.coroutine
    def get(self):
        data = yield self.get_data(self.get_argument("genre", "popular"))
        self.write(data)

    @tornado.gen.coroutine
    def get_data(self, genre):
        response = yield AsyncHTTPClient().fetch(UPSTREAM + genre)
        raise tornado.gen.Return(json.loads(response.body))
#]


#[ parallel
class ListHandler(tornado.web.RequestHandler):
    @tornado.gen.coroutine
    def get(self):
        first, second = yield [get_data("popular"), get_data("drama")]
        named = yield dict(tonight=get_data("drama"), tomorrow=get_data("popular"))
        self.write({"list": [first, second], "map": named})
#]


@tornado.gen.coroutine
def get_data(genre):
    response = yield AsyncHTTPClient().fetch(UPSTREAM + genre)
    raise tornado.gen.Return(json.loads(response.body))


if __name__ == "__main__":
    #[ main
    tornado.options.define("port", default=8080, type=int, help="run on the given port")
    tornado.options.parse_command_line()
    application = tornado.web.Application([(r"/", Students2Handler)], debug=True)
    tornado.httpserver.HTTPServer(application).listen(tornado.options.options.port)
    tornado.ioloop.IOLoop.current().start()
    #]
