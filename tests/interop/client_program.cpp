// What one http::Client makes of a row of requests: `client_program <REQUESTS`, a line `METHOD URL [BODY]` each, one
// after the other. Prints a line for each: `STATUS URL BODY`, or `error: MESSAGE`; a body of `@COUNT` is a source of so
// many pieces of 10,000 bytes. Connections, cookies and proxies are shared.
#include <stepwise/net/http/client.hpp>

#include <iostream>
#include <sstream>

using namespace stepwise;

namespace {

struct Pieces {
    int left;
    Coro<std::optional<std::string>> next() {
        if (left-- == 0) co_return std::nullopt;
        co_return std::string(10'000, 'x');
    }
};

Coro<int> show(EventLoop& loop) {
    http::Client::Options options;
    options.cookies = std::make_shared<http::CookieJar>();
    http::Client client(loop, std::move(options));
    for (std::string line; std::getline(std::cin, line);) {
        std::istringstream words(line);
        http::FetchRequest request("");
        std::string body;
        words >> request.method >> request.url >> body;
        Pieces pieces{body.starts_with('@') ? std::stoi(body.substr(1)) : 0};
        if (body.starts_with('@')) {
            request.body_source = [&pieces] { return pieces.next(); };
        } else {
            request.body = body;
        }
        http::FetchResponse response = co_await client.fetch(std::move(request));
        if (response.error) {
            std::cout << "error: " << response.error->message << std::endl;
        } else {
            std::cout << response.status << " " << response.url << " " << response.body << std::endl;
        }
    }
    co_return 0;
}

}  // namespace

int main() {
    EventLoop loop;
    return loop.run_until_complete(show(loop));
}
