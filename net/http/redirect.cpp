#include <stepwise/net/http/redirect.hpp>

namespace stepwise::http {

bool is_redirect(int status) noexcept {
    return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

std::optional<net::Url> redirect_target(const net::Url& url, std::string_view location, std::string& why) {
    std::optional<net::Url> target = url.join(location, why);
    if (target && !target->scheme().starts_with("http")) {
        why = target->to_string() + " is no http or https URL";
        return std::nullopt;
    }
    return target;
}

namespace {

bool becomes_get(std::string_view method, int status) noexcept {
    if (status == 303) return method != "HEAD" && method != "GET";
    return method == "POST" && (status == 301 || status == 302);
}

}  // namespace

bool redirect_sends_body(const FetchRequest& request, int status) noexcept {
    return !becomes_get(request.method, status);
}

void drop_fields_of_origin(Headers& headers) {
    for (const char* name : {"Authorization", "Proxy-Authorization", "Cookie", "Host"}) headers.erase(name);
}

void redirect_request(FetchRequest& request, int status, const net::Url& url, const net::Url& target) {
    if (becomes_get(request.method, status)) {
        request.method = "GET";
        request.body.clear();
        request.body_source = nullptr;
        for (const char* name : {"Content-Type", "Content-Encoding", "Content-Language", "Content-Location"}) {
            request.headers.erase(name);
        }
    }
    if (!url.same_origin(target)) drop_fields_of_origin(request.headers);
}

}  // namespace stepwise::http
