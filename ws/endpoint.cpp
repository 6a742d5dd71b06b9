#include <fmt/format.h>
#include <stepwise/net/http/characters.hpp>
#include <stepwise/ws/endpoint.hpp>
#include <stepwise/ws/server_connection.hpp>

#include <algorithm>
#include <cstdio>

namespace stepwise::ws {

namespace {

UpgradeRequest upgrade_request(const http::Request& request) {
    UpgradeRequest upgrade;
    upgrade.method = request.method();
    upgrade.http_minor = request.head().version() == http::Version::http_1_0 ? 0 : 1;
    for (const auto& field : request.headers()) upgrade.add_field(field.name, field.value);
    return upgrade;
}

http::Response refusal(const UpgradeRejected& rejected) {
    http::Response response = http::Response::error(rejected.error.code, rejected.error.message);
    for (const HandshakeField& field : rejected.fields) {
        // The writer names Upgrade in Connection itself.
        if (field.name != "Connection") response.headers.set(field.name, field.value);
    }
    return response;
}

// One that came twice is none.
bool is_allowed(const ConnectionOptions& options, const UpgradeRequest& asked) {
    if (asked.origin.size() != 1) return false;
    return std::any_of(options.allowed_origins.begin(), options.allowed_origins.end(), [&](std::string_view origin) {
        return http::equal_ignoring_case(origin, asked.origin.front());
    });
}

}  // namespace

Endpoint::Endpoint(ConnectionOptions options)
    : options_(std::move(options)), subprotocols_(options_.subprotocols.begin(), options_.subprotocols.end()) {
    check_compression(options_.protocol.compression);
}

std::optional<http::Response> Endpoint::accept(http::Request& request, http::Upgrade& upgrade) {
    UpgradeRequest asked = upgrade_request(request);
    UpgradeResult result = check_upgrade(asked, subprotocols_, options_.protocol.compression);
    if (const auto* rejected = std::get_if<UpgradeRejected>(&result)) return refusal(*rejected);
    std::unique_ptr<Face> face = make_face();
    if (!asked.origin.empty() && !is_allowed(options_, asked) && !face->check_origin(asked)) {
        UpgradeRejected rejected = reject_origin(asked);
        std::fprintf(stderr, "stepwise: %s\n", rejected.error.message.c_str());
        return refusal(rejected);
    }
    if (std::optional<http::Response> instead = face->prepare(request)) return instead;
    const auto& accepted = std::get<UpgradeAccepted>(result);
    append_accept_response(upgrade.transport(), accepted);
    const Agreed agreed{accepted.subprotocol, accepted.compression};
    ServerConnection::open(upgrade, request, shared_from_this(), agreed, std::move(face));
    return std::nullopt;
}

}  // namespace stepwise::ws
