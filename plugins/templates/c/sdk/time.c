// Reading times: RFC 3339, section 5.6.

#include "tallygate.h"

#define NANOSECONDS INT64_C(1000000000)
#define SECONDS_OF_DAY 86400
// 1990-01-01 and 2100-01-01.
#define FIRST_SECOND INT64_C(631152000)
#define END_SECOND INT64_C(4102444800)

static bool read_digits(tg_bytes text, size_t at, size_t count, int *number) {
    *number = 0;
    if (at + count > text.length) return false;
    for (size_t end = at + count; at < end; at++) {
        uint8_t byte = text.start[at];
        if (byte < '0' || byte > '9') return false;
        *number = *number * 10 + (byte - '0');
    }
    return true;
}

static bool is_byte(tg_bytes text, size_t at, uint8_t byte) {
    return at < text.length && text.start[at] == byte;
}

// Days since 1970-01-01: Howard Hinnant's `days_from_civil`, which counts years from March so that the leap day is last.
static int64_t days(int year, int month, int day) {
    year -= month <= 2;
    int64_t era = year / 400;
    int64_t year_of_era = year - era * 400;
    int64_t day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    return era * 146097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719468;
}

static bool is_date(int year, int month, int day) {
    static const int lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    if (month < 1 || month > 12 || day < 1) return false;
    bool is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    return day <= lengths[month - 1] + (month == 2 && is_leap);
}

// A name of UTC, whatever its case.
static bool is_utc(tg_bytes text, size_t at) {
    static const char *const names[] = {"z", "utc", "gmt", "ut"};
    char lower[4] = {0};
    size_t length = text.length - at;
    if (length > 3) return false;
    for (size_t letter = 0; letter < length; letter++) lower[letter] = (char)(text.start[at + letter] | 0x20);
    for (size_t name = 0; name < sizeof names / sizeof *names; name++) {
        if (tg_equal((tg_bytes){(const uint8_t *)lower, length}, names[name])) return true;
    }
    return false;
}

// `Z`, `UTC`, `+hh:mm`, `+hhmm` or `+hh`, perhaps behind a space, in seconds, up to the end of the text.
static bool read_offset(tg_bytes text, size_t at, int *seconds) {
    *seconds = 0;
    while (at < text.length && tg_is_space(text.start[at])) at++;
    if (is_utc(text, at)) return true;
    int sign = is_byte(text, at, '+') ? 1 : -1;
    if (sign < 0 && !is_byte(text, at, '-')) return false;
    int hours, minutes = 0;
    if (!read_digits(text, at + 1, 2, &hours)) return false;
    size_t end = at + 3;
    if (end < text.length) {
        size_t colon = is_byte(text, end, ':');
        if (!read_digits(text, end + colon, 2, &minutes)) return false;
        end += colon + 2;
    }
    *seconds = sign * (hours * 3600 + minutes * 60);
    return hours <= 23 && minutes <= 59 && end == text.length;
}

// `.250`, if it is there, as nanoseconds; moves `*at` behind it.
static bool read_fraction(tg_bytes text, size_t *at, int64_t *nanoseconds) {
    *nanoseconds = 0;
    if (!is_byte(text, *at, '.') && !is_byte(text, *at, ',')) return true;
    size_t first = ++*at;
    int64_t unit = NANOSECONDS;
    for (; *at < text.length && text.start[*at] >= '0' && text.start[*at] <= '9'; ++*at) {
        unit /= 10;
        *nanoseconds += (text.start[*at] - '0') * unit;
    }
    return *at > first;
}

int64_t tg_rfc3339(tg_bytes text) {
    while (text.length > 0 && tg_is_space(text.start[0])) text.start++, text.length--;
    while (text.length > 0 && tg_is_space(text.start[text.length - 1])) text.length--;
    int year, month, day, hour, minute, second = 0, offset;
    bool is_written = read_digits(text, 0, 4, &year) && is_byte(text, 4, '-') && read_digits(text, 5, 2, &month) &&
                      is_byte(text, 7, '-') && read_digits(text, 8, 2, &day) &&
                      (is_byte(text, 10, 'T') || is_byte(text, 10, 't') || is_byte(text, 10, ' ')) &&
                      read_digits(text, 11, 2, &hour) && is_byte(text, 13, ':') && read_digits(text, 14, 2, &minute);
    size_t at = 16;
    int64_t nanoseconds = 0;
    if (is_written && is_byte(text, at, ':') && read_digits(text, at + 1, 2, &second)) {
        at += 3;
        is_written = read_fraction(text, &at, &nanoseconds);
    }
    if (!is_written || !is_date(year, month, day) || hour > 23 || minute > 59 || second > 60) return TG_UNREAD_TIME;
    if (!read_offset(text, at, &offset)) return TG_UNREAD_TIME;

    int64_t seconds = days(year, month, day) * SECONDS_OF_DAY + hour * 3600 + minute * 60 + second - offset;
    // Leap seconds are inserted before midnight UTC and nowhere else; they count as the second that follows.
    if (second == 60 && seconds % SECONDS_OF_DAY != 0) return TG_UNREAD_TIME;
    if (seconds < FIRST_SECOND || seconds >= END_SECOND) return TG_UNREAD_TIME;
    return seconds * NANOSECONDS + nanoseconds;
}
