// Looking at bytes.

#include "tallygate.h"

bool tg_equal(tg_bytes bytes, const char *text) {
    for (size_t at = 0; at < bytes.length; at++) {
        if (text[at] == 0 || bytes.start[at] != (uint8_t)text[at]) return false;
    }
    return text[bytes.length] == 0;
}

bool tg_is_space(uint8_t byte) {
    return byte == ' ' || (byte >= '\t' && byte <= '\r');
}
