// Reading addresses, by the gateway's rules (`gateway/docs/addresses.md` in Tallygate).

#include "tallygate.h"

static bool digit_value(uint8_t byte, unsigned base, unsigned *value) {
    uint8_t lower = byte | 0x20;
    if (byte >= '0' && byte <= '9') {
        *value = byte - '0';
    } else if (base == 16 && lower >= 'a' && lower <= 'f') {
        *value = lower - 'a' + 10;
    } else {
        return false;
    }
    return true;
}

// One to `most` digits that make at most `limit`.
static bool read_number(tg_bytes text, unsigned base, size_t most, unsigned *number) {
    if (text.length == 0 || text.length > most) return false;
    *number = 0;
    for (size_t at = 0; at < text.length; at++) {
        unsigned value;
        if (!digit_value(text.start[at], base, &value)) return false;
        *number = *number * base + value;
    }
    return true;
}

// Proxies write port 0 where they know none.
static bool is_port(tg_bytes text) {
    unsigned number;
    return read_number(text, 10, 5, &number) && number <= 65535;
}

static tg_bytes slice(tg_bytes text, size_t from, size_t to) {
    return (tg_bytes){text.start + from, to - from};
}

// Where `byte` first stands at or after `from`; the length if it does not.
static size_t find(tg_bytes text, size_t from, uint8_t byte) {
    while (from < text.length && text.start[from] != byte) from++;
    return from;
}

static bool read_v4(tg_bytes text, uint32_t *address) {
    *address = 0;
    size_t at = 0;
    for (int part = 0; part < 4; part++) {
        size_t end = part < 3 ? find(text, at, '.') : text.length;
        if (end >= text.length && part < 3) return false;
        unsigned number;
        if (!read_number(slice(text, at, end), 10, 3, &number) || number > 255) return false;
        // 010 is ten to some programs and eight to others.
        if (text.start[at] == '0' && end - at > 1) return false;
        *address = *address << 8 | number;
        at = end + 1;
    }
    return true;
}

// Groups that colons part. The last may be a dotted quad, which counts as two. How many; -1 if they are none.
static int read_groups(tg_bytes text, bool is_last, uint16_t *groups) {
    int count = 0;
    if (text.length == 0) return 0;
    for (size_t at = 0; at <= text.length;) {
        size_t end = find(text, at, ':');
        tg_bytes group = slice(text, at, end);
        uint32_t quad;
        unsigned number;
        if (is_last && end == text.length && count <= 6 && read_v4(group, &quad)) {
            groups[count++] = (uint16_t)(quad >> 16);
            groups[count++] = (uint16_t)quad;
        } else if (count < 8 && read_number(group, 16, 4, &number)) {
            groups[count++] = (uint16_t)number;
        } else {
            return -1;
        }
        at = end + 1;
    }
    return count;
}

static bool read_v6(tg_bytes text, tg_address *address) {
    size_t gap = 0;
    while (gap + 1 < text.length && !(text.start[gap] == ':' && text.start[gap + 1] == ':')) gap++;
    bool has_gap = gap + 1 < text.length;
    uint16_t head[8] = {0}, tail[8] = {0};
    int before = read_groups(has_gap ? slice(text, 0, gap) : text, !has_gap, head);
    int after = has_gap ? read_groups(slice(text, gap + 2, text.length), true, tail) : 0;
    // A gap stands for one group at least.
    if (before < 0 || after < 0 || (has_gap ? before + after > 7 : before != 8)) return false;
    for (int at = 0; at < after; at++) head[8 - after + at] = tail[at];
    address->high = address->low = 0;
    for (int at = 0; at < 4; at++) {
        address->high = address->high << 16 | head[at];
        address->low = address->low << 16 | head[at + 4];
    }
    // `::ffff:a.b.c.d` is an IPv4 client of a socket that serves both.
    address->is_v6 = !(address->high == 0 && address->low >> 32 == 0xffff);
    if (!address->is_v6) address->low &= 0xffffffff;
    return true;
}

// The zone belongs to the machine that wrote the log.
static bool read_v6_and_zone(tg_bytes text, tg_address *address) {
    size_t percent = find(text, 0, '%');
    if (percent == text.length) return read_v6(text, address);
    for (size_t at = percent + 1; at < text.length; at++) {
        uint8_t byte = text.start[at];
        if (byte <= ' ' || byte >= 0x7f) return false;
    }
    return percent + 1 < text.length && read_v6(slice(text, 0, percent), address);
}

// With all eight groups there, what follows can be nothing but a port.
static bool read_eight_groups_and_port(tg_bytes text, tg_address *address) {
    size_t colons = 0, last = 0;
    for (size_t at = 0; at < text.length; at++) {
        if (text.start[at] == '%' || text.start[at] == '.') return false;
        if (text.start[at] != ':') continue;
        if (at > 0 && text.start[at - 1] == ':') return false;
        colons++;
        last = at;
    }
    return colons == 8 && is_port(slice(text, last + 1, text.length)) && read_v6(slice(text, 0, last), address);
}

static bool ends_with(tg_bytes text, const char *end, size_t length) {
    return text.length >= length && tg_equal(slice(text, text.length - length, text.length), end);
}

bool tg_read_address(tg_bytes text, tg_address *address) {
    while (text.length > 0 && tg_is_space(text.start[0])) text = slice(text, 1, text.length);
    while (text.length > 0 && tg_is_space(text.start[text.length - 1])) text.length--;
    bool has_colon = find(text, 0, ':') < text.length;
    // Databases write a single host as a network of one address.
    if (!has_colon && ends_with(text, "/32", 3)) {
        text.length -= 3;
    } else if (has_colon && ends_with(text, "/128", 4) && text.start[text.length - 5] != ']') {
        text.length -= 4;
    }
    if (text.length > 0 && text.start[0] == '[') {
        size_t close = find(text, 0, ']');
        if (close == text.length) return false;
        bool has_port = close + 1 < text.length;
        if (has_port && (text.start[close + 1] != ':' || !is_port(slice(text, close + 2, text.length)))) return false;
        return read_v6_and_zone(slice(text, 1, close), address);
    }
    if (has_colon && find(text, 0, '.') < find(text, 0, ':')) {
        // A dotted quad and a port.
        size_t colon = find(text, 0, ':');
        if (!is_port(slice(text, colon + 1, text.length))) return false;
        text.length = colon;
        has_colon = false;
    }
    uint32_t quad;
    if (!has_colon) {
        if (!read_v4(text, &quad)) return false;
        *address = (tg_address){.is_v6 = false, .high = 0, .low = quad};
        return true;
    }
    return read_v6_and_zone(text, address) || read_eight_groups_and_port(text, address);
}
