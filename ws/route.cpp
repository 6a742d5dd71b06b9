#include <stepwise/ws/route.hpp>

namespace stepwise::ws {

namespace {

class CoroutineFace final : public Face {
public:
    explicit CoroutineFace(const CoroutineFunction& function) noexcept : function_(function) {}

    void opened(Connection& connection) override {
        connection.loop().create_task(serve(TaskEnd(connection), connection, function_));
    }
    bool message(Connection&, MessageView) override { return false; }
    void has_waiting(Connection&) override {}
    void closed(Connection&) override {}

private:
    // In the task's frame, so that it is told of the task's end however that comes.
    struct TaskEnd {
        explicit TaskEnd(Connection& served) noexcept : connection(&served) {}
        TaskEnd(TaskEnd&& other) noexcept : connection(std::exchange(other.connection, nullptr)) {}
        TaskEnd(const TaskEnd&) = delete;
        TaskEnd& operator=(const TaskEnd&) = delete;
        ~TaskEnd() {
            if (connection == nullptr) return;
            if (!connection->loop().discarding()) close_or_abort(*connection, code);
            done(*connection);
        }
        Connection* connection;
        CloseCode code = CloseCode::going_away;  // unless the coroutine returned: then it was cancelled
    };

    static Coro<void> serve(TaskEnd end, Connection& connection, const CoroutineFunction& function) {
        try {
            Coro<void> serving = function(connection);
            co_await std::move(serving);
            end.code = CloseCode::normal_closure;
        } catch (const CancelledError&) {
            throw;
        } catch (const ConnectionClosed&) {
            // The peer left while we were sending: an end like any other.
        } catch (...) {
            failed(connection, std::current_exception(), "a WebSocket coroutine");
        }
    }

    const CoroutineFunction& function_;
};

class CoroutineEndpoint final : public Endpoint {
public:
    CoroutineEndpoint(CoroutineFunction function, ConnectionOptions options)
        : Endpoint(std::move(options)), function_(std::move(function)) {}

private:
    std::unique_ptr<Face> make_face() const override { return std::make_unique<CoroutineFace>(function_); }

    CoroutineFunction function_;
};

}  // namespace

std::shared_ptr<http::UpgradeHandler> coroutine(CoroutineFunction function, ConnectionOptions options) {
    return std::make_shared<CoroutineEndpoint>(std::move(function), std::move(options));
}

}  // namespace stepwise::ws
