#include <fmt/format.h>
#include <stepwise/net/http/client.hpp>
#include <stepwise/net/http/exchange.hpp>
#include <stepwise/net/http/redirect.hpp>
#include <stepwise/runtime/timeout.hpp>

#include <algorithm>
#include <utility>

namespace stepwise::http {

namespace {

using Kind = FetchError::Kind;

// A Content-Length that is announced is only room for that much once so much has come.
constexpr std::uint64_t reserved_bytes_max = 1024 * 1024;
// What a redirect says in its body is read so that its connection can be used again; more than this is not worth it.
constexpr std::size_t redirect_body_bytes_max = 64 * 1024;

}  // namespace

// One fetch, from its request through all redirects to the response that counts.
class detail::Following {
public:
    Following(std::shared_ptr<const Client::Options> options, std::shared_ptr<ConnectionPool> pool,
              FetchRequest request)
        : options_(std::move(options)), pool_(std::move(pool)), request_(std::move(request)) {}

    Coro<void> begin();
    Coro<FetchResponse> fetch();
    Coro<bool> read_some(std::string& out);
    void fail_total_timeout();
    FetchResponse failed();

    const FetchRequest& request() const noexcept { return request_; }
    const std::optional<FetchError>& error() const noexcept {
        return error_ || !exchange_ ? error_ : exchange_->failure();
    }
    const Exchange* exchange() const noexcept { return exchange_ ? &*exchange_ : nullptr; }
    std::string url() const { return exchange_ ? exchange_->url().to_string() : request_.url; }
    TimePoint due = TimePoint::max();

private:
    void ask(net::Url url);
    Coro<bool> follow();
    Coro<void> read_redirect_body();

    std::shared_ptr<const Client::Options> options_;
    std::shared_ptr<ConnectionPool> pool_;
    FetchRequest request_;
    std::optional<Exchange> exchange_;
    std::optional<FetchError> error_;
    int redirects_ = 0;
};

Coro<void> detail::Following::begin() {
    std::string why;
    std::optional<net::Url> url = net::Url::parse(request_.url, why);
    if (!url) {
        error_ = FetchError{Kind::invalid_request, std::move(why)};
        co_return;
    }
    if (!url->scheme().starts_with("http")) {
        error_ = FetchError{Kind::invalid_request, fmt::format("{}: only http and https URLs can be fetched, not {}",
                                                               request_.url, url->scheme())};
        co_return;
    }
    ask(std::move(*url));
    for (bool goes_on = true; goes_on;) {
        const bool answered = co_await exchange_->begin();
        if (!answered) co_return;
        const auto now = EventLoop::current().wall_time();
        if (options_->cookies) options_->cookies->take(exchange_->url(), exchange_->headers(), now);
        goes_on = co_await follow();
    }
}

void detail::Following::ask(net::Url url) {
    std::optional<net::Url> proxy = options_->proxies.proxy_for(url);
    std::string cookies;
    if (options_->cookies && !request_.headers.contains("Cookie")) {
        cookies = options_->cookies->field_for(url, EventLoop::current().wall_time());
    }
    exchange_.reset();
    std::string authorization(options_->proxies.authorization_for(url));
    exchange_.emplace(pool_, request_, std::move(url), std::move(proxy), std::move(authorization), std::move(cookies));
}

// Whether there is another exchange to begin.
Coro<bool> detail::Following::follow() {
    const int status = exchange_->status();
    if (!is_redirect(status) || request_.redirects_max <= 0) co_return false;
    const std::optional<std::string_view> location = exchange_->headers().find("Location");
    if (!location) co_return false;
    std::string why;
    std::optional<net::Url> target = redirect_target(exchange_->url(), *location, why);
    if (!target) {
        error_ = exchange_->error(Kind::bad_response, "it redirects to what cannot be fetched: " + why);
        co_return false;
    }
    if (request_.body_source && redirect_sends_body(request_, status)) co_return false;
    if (++redirects_ > request_.redirects_max) {
        error_ = exchange_->error(Kind::limit_reached,
                                  fmt::format("more redirects than redirects_max ({})", request_.redirects_max));
        co_return false;
    }
    co_await read_redirect_body();
    const net::Url from = exchange_->url();
    exchange_.reset();
    redirect_request(request_, status, from, *target);
    ask(std::move(*target));
    co_return true;
}

Coro<void> detail::Following::read_redirect_body() {
    std::string ignored;
    for (bool more = true; more && ignored.size() <= redirect_body_bytes_max;) {
        more = co_await exchange_->read_some(ignored);
    }
}

Coro<FetchResponse> detail::Following::fetch() {
    Coro<void> beginning = begin();
    co_await std::move(beginning);
    if (error()) co_return failed();
    FetchResponse response;
    if (exchange_->content_length() && request_.method != "HEAD") {
        response.body.reserve(static_cast<std::size_t>(std::min(*exchange_->content_length(), reserved_bytes_max)));
    }
    for (bool more = true; more;) more = co_await exchange_->read_some(response.body);
    if (error()) co_return failed();
    response.status = exchange_->status();
    response.reason = exchange_->reason();
    response.headers = exchange_->headers();
    response.url = url();
    co_return response;
}

Coro<bool> detail::Following::read_some(std::string& out) {
    if (error()) co_return false;
    const std::size_t before = out.size();
    try {
        Coro<bool> reading = exchange_->read_some(out);
        co_return co_await timeout_at(due, std::move(reading));
    } catch (const TimeoutError&) {
        out.resize(before);
        fail_total_timeout();
        co_return false;
    }
}

void detail::Following::fail_total_timeout() {
    error_ = exchange_->error(Kind::timeout, fmt::format("no complete response within total_timeout ({}): {}",
                                                         in_seconds(request_.total_timeout), exchange_->doing()));
}

FetchResponse detail::Following::failed() {
    FetchResponse response;
    response.url = url();
    response.error = error();
    return response;
}

ResponseStream::ResponseStream(std::unique_ptr<detail::Following> following) noexcept
    : following_(std::move(following)) {}
ResponseStream::ResponseStream(ResponseStream&&) noexcept = default;
ResponseStream& ResponseStream::operator=(ResponseStream&&) noexcept = default;
ResponseStream::~ResponseStream() = default;

int ResponseStream::status() const noexcept {
    const Exchange* exchange = following_->exchange();
    return exchange == nullptr ? 0 : exchange->status();
}
const std::string& ResponseStream::reason() const noexcept {
    static const std::string none;
    const Exchange* exchange = following_->exchange();
    return exchange == nullptr ? none : exchange->reason();
}
const ReceivedHeaders& ResponseStream::headers() const noexcept {
    static const ReceivedHeaders none;
    const Exchange* exchange = following_->exchange();
    return exchange == nullptr ? none : exchange->headers();
}
std::string ResponseStream::url() const {
    return following_->url();
}
const std::optional<FetchError>& ResponseStream::error() const noexcept {
    return following_->error();
}
Coro<bool> ResponseStream::read_some(std::string& out) {
    return following_->read_some(out);
}

Client::Client(EventLoop& loop) : Client(loop, Options()) {}

Client::Client(EventLoop& loop, Options options)
    : options_(std::make_shared<const Options>(std::move(options))),
      pool_(std::make_shared<ConnectionPool>(loop, options_->connections)) {}

Coro<FetchResponse> Client::fetch(FetchRequest request) {
    detail::Following following(options_, pool_, std::move(request));
    try {
        Coro<FetchResponse> running = following.fetch();
        co_return co_await timeout(following.request().total_timeout, std::move(running));
    } catch (const TimeoutError&) {
        following.fail_total_timeout();
        co_return following.failed();
    }
}

Coro<ResponseStream> Client::open(FetchRequest request) {
    auto following = std::make_unique<detail::Following>(options_, pool_, std::move(request));
    following->due = EventLoop::current().time_after(following->request().total_timeout);
    try {
        Coro<void> beginning = following->begin();
        co_await timeout_at(following->due, std::move(beginning));
    } catch (const TimeoutError&) {
        following->fail_total_timeout();
    }
    co_return ResponseStream(std::move(following));
}

void FetchResponse::throw_if_failed() const {
    if (ok()) return;
    if (error) throw FetchFailedError(error->message);
    throw FetchFailedError(fmt::format("{}: {} {}", url, status, reason));
}

FetchResponse detail::cancelled_fetch(std::string url) {
    return failed_fetch(Kind::cancelled, std::string("cancelled: ").append(url), url);
}

FetchResponse detail::failed_fetch(Kind kind, std::string message, std::string url) {
    FetchResponse response;
    response.error = FetchError{kind, std::move(message)};
    response.url = std::move(url);
    return response;
}

Coro<FetchResponse> fetch(FetchRequest request) {
    std::optional<Client> client;
    try {
        Client::Options options;
        options.connections.idle_connections_max = 0;
        client.emplace(EventLoop::current(), std::move(options));
    } catch (const std::invalid_argument& error) {  // of the environment
        co_return detail::failed_fetch(Kind::invalid_request, error.what(), std::move(request.url));
    }
    Coro<FetchResponse> fetching = client->fetch(std::move(request));
    co_return co_await std::move(fetching);
}

}  // namespace stepwise::http
