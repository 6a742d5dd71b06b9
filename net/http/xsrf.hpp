// Forms that only our own pages can send: the same secret in a cookie and in the form, which another site's page can
// neither read nor set (a double-submit cookie).
//
//     http::Xsrf xsrf(loop.entropy());
//     router.before([&xsrf](const http::Request& request) { return xsrf.check(request); });
//     std::string field = xsrf.form_field(request, response);   // in the page: <input type="hidden" …>
//
// What stands in a page is masked anew each time, so that its compressed length tells nothing (the BREACH attack).
// GET, HEAD and OPTIONS pass, as they must change nothing. It is found in a form that is urlencoded; one with files
// (multipart) is checked before its body comes, and has it in its address: "/upload?_xsrf=…". Behind https give
// `secure`. The loop's thread.
#pragma once

#include <optional>
#include <stepwise/net/http/message.hpp>
#include <stepwise/runtime/entropy.hpp>
#include <string>
#include <string_view>

namespace stepwise::http {

class Xsrf {
public:
    static constexpr std::string_view cookie_name = "_xsrf";
    static constexpr std::string_view argument_name = "_xsrf";
    static constexpr std::string_view header_name = "X-XSRF-Token";
    static constexpr std::size_t secret_bytes = 16;

    // `entropy` outlives it. `secure`: the cookie goes over https only.
    explicit Xsrf(Entropy& entropy, bool secure = false) : entropy_(entropy), secure_(secure) {}

    // The token for a page or a script; a client without the cookie is given one by `response`.
    std::string token(const Request& request, Response& response);
    // <input type="hidden" name="_xsrf" value="…">
    std::string form_field(const Request& request, Response& response);

    // 403 unless the token, in the header or the form, is that of the cookie. For Router::before.
    std::optional<Response> check(const Request& request) const;

private:
    Entropy& entropy_;
    bool secure_;
};

}  // namespace stepwise::http
