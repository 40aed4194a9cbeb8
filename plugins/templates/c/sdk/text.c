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

// How many bytes the character at `at` has; 0 if there is none that is valid. By table 3-7 of the Unicode standard.
static size_t character(tg_bytes text, size_t at) {
    uint8_t first = text.start[at];
    if (first < 0x80) return 1;
    if (first < 0xc2 || first > 0xf4) return 0;
    size_t size = 2 + (first >= 0xe0) + (first >= 0xf0);
    if (size > text.length - at) return 0;
    uint8_t low = first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : 0x80;
    uint8_t high = first == 0xed ? 0x9f : first == 0xf4 ? 0x8f : 0xbf;
    if (text.start[at + 1] < low || text.start[at + 1] > high) return 0;
    for (size_t next = 2; next < size; next++) {
        if ((text.start[at + next] & 0xc0) != 0x80) return 0;
    }
    return size;
}

size_t tg_utf8(tg_bytes text, char *to, size_t room) {
    size_t length = 0;
    for (size_t at = 0; at < text.length;) {
        size_t size = character(text, at);
        if (length + (size ? size : 1) > room) break;
        if (size == 0) {
            to[length++] = '?';
            at++;
        }
        for (; size > 0; size--) to[length++] = (char)text.start[at++];
    }
    return length;
}
