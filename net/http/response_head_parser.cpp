#include <stepwise/net/http/response_head_parser.hpp>

namespace stepwise::http {

namespace {

// RFC 9112 §6.3, rule by rule. (Rule 3 and the conflicts of rule 5 are FramingFields' to refuse.)
BodyFraming framing_of(int status, AskedMethod asked, bool switches_protocol, const FramingFields& fields) {
    if (asked == AskedMethod::head || status < 200 || status == 204 || status == 304) return BodyFraming::none;
    if (switches_protocol) return BodyFraming::none;
    if (fields.chunked()) return BodyFraming::chunked;
    return fields.content_length() ? BodyFraming::content_length : BodyFraming::until_close;
}

}  // namespace

void ResponseHeadParser::start(ResponseHead& head) {
    line_.start();
    line_is_done_ = false;
    head.headers_.clear();
    head.framing_ = FramingFields();
}

ScanResult ResponseHeadParser::parse(const char* block, std::uint32_t available, const ParserLimits& limits,
                                     AskedMethod asked, ResponseHead& head, ErrorSlot& error) {
    if (!line_is_done_) {
        const ScanResult line = line_.scan(block, available, limits, error);
        if (line != ScanResult::done) return line;
        head.status_ = line_.status();
        head.reason_ = line_.reason();
        head.version_ = line_.version();
        line_is_done_ = true;
        fields_.start(line_.position());
    }
    for (;;) {
        const ScanResult result = fields_.next(block, available, limits, error);
        if (result == ScanResult::item) {
            const FieldSpan& span = fields_.field();
            head.headers_.add(span);
            const ScanResult noted =
                head.framing_.note({block + span.name_begin, span.name_size},
                                   {block + span.value_begin, span.value_size}, head.version_, error);
            if (noted == ScanResult::failed) return noted;
            continue;
        }
        if (result != ScanResult::done) return result;
        head.block_size_ = size();
        head.set_block(block);
        return finish(limits, asked, head, error);
    }
}

ScanResult ResponseHeadParser::finish(const ParserLimits& limits, AskedMethod asked, ResponseHead& head,
                                      ErrorSlot& error) {
    if (head.framing_.finish(error) == ScanResult::failed) return ScanResult::failed;
    const bool is_success = head.status_ >= 200 && head.status_ < 300;
    head.switches_protocol_ = head.status_ == 101 || (asked == AskedMethod::connect && is_success);
    head.body_framing_ = framing_of(head.status_, asked, head.switches_protocol_, head.framing_);
    if (head.body_framing_ != BodyFraming::content_length) return ScanResult::done;
    return head.framing_.check_length(limits, error);
}

}  // namespace stepwise::http
