// The floor of an io_uring server: multishot accept, multishot recv into a ring of provided buffers, sends through the
// ring. As floor_epoll otherwise.
#include <liburing.h>
#include <unistd.h>
#include <stepwise/tests/bench/net/floor.hpp>

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <vector>

namespace {

using namespace bench;

constexpr unsigned buffer_bytes = 2048;
constexpr unsigned buffer_count = 512;

// Who ends when a send completes: nothing, a provided buffer, or one reference to bytes on the heap.
enum class Kind : std::uint64_t { accept, receive, send, send_buffer, send_shared };

struct Shared {
    std::size_t references;
    std::string bytes;
};

constexpr int kind_shift = 56;
constexpr int fd_shift = 16;

std::uint64_t tag(Kind kind, std::uint64_t value = 0) {
    return static_cast<std::uint64_t>(kind) << kind_shift | value;
}

class UringFloor {
public:
    explicit UringFloor(const FloorOptions& options) : mode_(options.mode), protocol_(options.mode) {
        io_uring_params parameters{};
        parameters.flags =
            IORING_SETUP_CQSIZE | IORING_SETUP_SUBMIT_ALL | IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN;
        parameters.cq_entries = 32768;
        check_result(io_uring_queue_init_params(4096, &ring_, &parameters), "io_uring_queue_init_params");
        io_uring_register_ring_fd(&ring_);
        make_buffers();
        listening_ = listen_on(options.port, 0);
        io_uring_sqe& entry = next_entry();
        io_uring_prep_multishot_accept(&entry, listening_, nullptr, nullptr, 0);
        entry.user_data = tag(Kind::accept);
    }

    [[noreturn]] void run() {
        for (;;) {
            int result = io_uring_submit_and_wait(&ring_, 1);
            if (result != -EINTR) check_result(result, "io_uring_submit_and_wait");
            io_uring_cqe* completion = nullptr;
            unsigned head = 0;
            unsigned count = 0;
            io_uring_for_each_cqe(&ring_, head, completion) {
                complete(*completion);
                ++count;
            }
            io_uring_cq_advance(&ring_, count);
        }
    }

private:
    static void check_result(int result, const char* call) {
        if (result < 0) throw std::system_error(-result, std::generic_category(), call);
    }

    void make_buffers() {
        buffer_ring_ =
            static_cast<io_uring_buf_ring*>(std::aligned_alloc(4096, buffer_count * sizeof(struct io_uring_buf)));
        io_uring_buf_reg registration{};
        registration.ring_addr = reinterpret_cast<std::uint64_t>(buffer_ring_);
        registration.ring_entries = buffer_count;
        check_result(io_uring_register_buf_ring(&ring_, &registration, 0), "io_uring_register_buf_ring");
        io_uring_buf_ring_init(buffer_ring_);
        for (unsigned index = 0; index < buffer_count; ++index) give_back(index);
    }
    char* buffer(unsigned index) { return buffers_.data() + static_cast<std::size_t>(index) * buffer_bytes; }
    void give_back(unsigned index) {
        io_uring_buf_ring_add(buffer_ring_, buffer(index), buffer_bytes, static_cast<unsigned short>(index),
                              static_cast<int>(buffer_count) - 1, 0);
        io_uring_buf_ring_advance(buffer_ring_, 1);
    }

    io_uring_sqe& next_entry() {
        io_uring_sqe* entry = io_uring_get_sqe(&ring_);
        if (entry != nullptr) return *entry;
        io_uring_submit(&ring_);
        return *io_uring_get_sqe(&ring_);
    }
    void arm_receive(int fd) {
        io_uring_sqe& entry = next_entry();
        io_uring_prep_recv_multishot(&entry, fd, nullptr, 0, 0);
        entry.flags |= IOSQE_BUFFER_SELECT;
        entry.user_data = tag(Kind::receive, static_cast<std::uint64_t>(fd) << fd_shift);
    }
    void start_send(int fd, std::string_view bytes, std::uint64_t user_data) {
        io_uring_sqe& entry = next_entry();
        io_uring_prep_send(&entry, fd, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_WAITALL);
        entry.user_data = user_data;
    }
    void share(std::string_view bytes, std::span<const int> fds) {
        auto* shared = new Shared{fds.size(), std::string(bytes)};
        for (int fd : fds)
            start_send(fd, shared->bytes, tag(Kind::send_shared, reinterpret_cast<std::uint64_t>(shared)));
    }

    void complete(const io_uring_cqe& completion) {
        std::uint64_t value = completion.user_data & ((1ULL << kind_shift) - 1);
        switch (static_cast<Kind>(completion.user_data >> kind_shift)) {
            case Kind::accept:
                check_result(completion.res, "accept");
                if (peers_.size() <= static_cast<std::size_t>(completion.res)) {
                    peers_.resize(static_cast<std::size_t>(completion.res) + 1);
                }
                return arm_receive(completion.res);
            case Kind::receive:
                return received(static_cast<int>(value >> fd_shift), completion);
            case Kind::send:
                return;
            case Kind::send_buffer:
                return give_back(static_cast<unsigned>(value));
            case Kind::send_shared: {
                auto* shared = reinterpret_cast<Shared*>(value);
                if (--shared->references == 0) delete shared;
            }
        }
    }

    void received(int fd, const io_uring_cqe& completion) {
        if (completion.res == -ENOBUFS) return arm_receive(fd);
        if (completion.res <= 0) return leave(fd);
        unsigned index = completion.flags >> IORING_CQE_BUFFER_SHIFT;
        if (!serve(fd, {buffer(index), static_cast<std::size_t>(completion.res)}, index)) give_back(index);
        if ((completion.flags & IORING_CQE_F_MORE) == 0) arm_receive(fd);
    }

    // True: the buffer is in use until a send completes.
    bool serve(int fd, std::span<char> bytes, unsigned index) {
        FloorPeer& peer = peers_[static_cast<std::size_t>(fd)];
        bool had_rest = !peer.rest.empty();
        std::string joined;
        if (had_rest) {
            joined = std::move(peer.rest);
            joined.append(bytes.data(), bytes.size());
            bytes = joined;
        }
        FloorReply reply = protocol_.serve(peer, bytes);
        peer.rest.assign(bytes.begin() + reply.used, bytes.end());
        if (reply.kind == FloorReply::Kind::fixed) start_send(fd, reply.bytes, tag(Kind::send));
        if (reply.kind == FloorReply::Kind::handshake) {
            if (mode_ == Mode::broadcast) members_.push_back(fd);
            share(reply.bytes, {&fd, 1});
        }
        if (reply.kind != FloorReply::Kind::in_place) return false;
        if (mode_ == Mode::broadcast) {
            share(reply.bytes, members_);
        } else if (had_rest) {
            share(reply.bytes, {&fd, 1});
        } else {
            start_send(fd, reply.bytes, tag(Kind::send_buffer, index));
            return true;
        }
        return false;
    }

    void leave(int fd) {
        close(fd);
        peers_[static_cast<std::size_t>(fd)] = {};
        std::erase(members_, fd);
    }

    Mode mode_;
    FloorProtocol protocol_;
    io_uring ring_{};
    io_uring_buf_ring* buffer_ring_ = nullptr;
    std::vector<char> buffers_ = std::vector<char>(static_cast<std::size_t>(buffer_bytes) * buffer_count);
    int listening_ = -1;
    std::vector<FloorPeer> peers_;  // by descriptor
    std::vector<int> members_;
};

}  // namespace

int main(int argc, char** argv) {
    UringFloor floor(parse_floor_options(argc, argv, "The floor of an io_uring server."));
    floor.run();
}
