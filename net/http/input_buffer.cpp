#include <stepwise/net/http/input_buffer.hpp>

namespace stepwise::http {

void InputBuffer::receive(std::string_view bytes) {
    if (bytes_.empty()) {
        release();
        bytes_ = bytes;
        return;
    }
    keep();
    kept_.erase(kept_.begin(), kept_.begin() + (bytes_.data() - kept_.data()));
    kept_.insert(kept_.end(), bytes.begin(), bytes.end());
    bytes_ = {kept_.data(), kept_.size()};
}

void InputBuffer::keep() {
    if (bytes_.empty() || is_kept()) return;
    kept_.assign(bytes_.begin(), bytes_.end());
    bytes_ = {kept_.data(), kept_.size()};
}

}  // namespace stepwise::http
