// A server of static files, to be put beside nginx: `static_server --folder PATH`.
#include <stepwise/net/http/serve.hpp>
#include <stepwise/net/http/static_files.hpp>
#include <stepwise/net/options.hpp>

#include <cstdio>
#include <string>
#include <system_error>

namespace http = stepwise::http;
namespace net = stepwise::net;

int main(int argc, char** argv) {
    net::ServerOptions server;
    std::string folder = ".";
    net::Options options("Serves the files of a folder.");
    options.add_server_options(server);
    options.add_option("--folder", folder, "whose files");
    options.parse(argc, argv);
    try {
        const http::StaticFiles files(folder, "/");
        http::Router router;
        router.get("/{path...}", files.handler());
        return http::serve(std::move(router), server);
    } catch (const std::system_error& error) {
        std::fprintf(stderr, "error: %s\n", error.what());
        return 2;
    }
}
