// What http::fetch makes of a server, as text: `fetch_program METHOD URL [FIELD: VALUE]...`, a body on stdin. Prints
// status, reason and header fields as lines, an empty line, and the body; or `error: MESSAGE` with exit code 1.
#include <stepwise/net/http/fetch.hpp>

#include <cstdio>
#include <iostream>
#include <iterator>

using namespace stepwise;

namespace {

Coro<int> show(http::FetchRequest request) {
    http::FetchResponse response = co_await http::fetch(std::move(request));
    if (response.error) {
        std::cout << "error: " << response.error->message << "\n";
        co_return 1;
    }
    std::cout << response.status << " " << response.reason << "\n";
    for (const http::HeaderField field : response.headers) std::cout << field.name << ": " << field.value << "\n";
    std::cout << "\n" << response.body;
    co_return 0;
}

}  // namespace

int main(int argc, char** argv) {
    if (argc < 3) {
        std::fputs("fetch_program METHOD URL [FIELD: VALUE]... <BODY\n", stderr);
        return 2;
    }
    http::FetchRequest request(argv[2]);
    request.method = argv[1];
    for (int index = 3; index < argc; ++index) {
        const std::string_view field = argv[index];
        const std::size_t colon = field.find(": ");
        request.headers.add(field.substr(0, colon), field.substr(colon + 2));
    }
    request.body.assign(std::istreambuf_iterator<char>(std::cin), {});
    return run(show(std::move(request)));
}
