// What a Tallygate plugin in C is made of. The author's file includes this and gives two things:
//
//     const tg_plugin tallygate_plugin = { .name = …, .version = …, .about = … };
//     tg_answer extract(const uint8_t *record, size_t length, int64_t received) { … }
//
// and `configure`, if the plugin has settings. There is no C library: what is here and what `<stdint.h>` and its
// like define is all. Texts end with a zero byte unless they are `tg_bytes`.

#ifndef TALLYGATE_H
#define TALLYGATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Bytes that lie somewhere: no zero byte ends them.
typedef struct {
    const uint8_t *start;
    size_t length;
} tg_bytes;

// The time of a record that has none.
#define TG_NO_TIME INT64_MIN
// The time of a record that has one which cannot be read. The gateway counts those.
#define TG_UNREAD_TIME (INT64_MIN + 1)

// An address. a.b.c.d is a << 24 | b << 16 | c << 8 | d, in `low`; an IPv6 address has its first 64 bits in `high`.
typedef struct {
    bool is_v6;
    uint64_t high;
    uint64_t low;
} tg_address;

// What becomes of a record: made by the functions below.
typedef struct {
    uint8_t status;
    tg_address address;
    int64_t time;
    // Why, for people, who see it in `tallygate plugin run` and where rejected records are looked at.
    const char *words;
} tg_answer;

// A client came. `time` is in Unix nanoseconds, or TG_NO_TIME, or TG_UNREAD_TIME.
tg_answer tg_visit(tg_address address, int64_t time);
// A valid record that names no client. Whether such records are wanted is the route's to say.
tg_answer tg_nobody(int64_t time, const char *words);
// The record is not of the plugin's format.
tg_answer tg_malformed(const char *words);
// Well formed, but a field that the format must have is not there.
tg_answer tg_field_missing(const char *words);
// The field of the client's address holds something else.
tg_answer tg_not_an_address(const char *words);
// The plugin's settings exclude the record.
tg_answer tg_policy(const char *words);
// The record is longer than the plugin is willing to read.
tg_answer tg_too_long(const char *words);
// None of these: `code` is 31, or one of the plugin's own, which `tallygate_plugin.rejects` must name.
tg_answer tg_reject(uint8_t code, const char *words);

// A setting that the plugin has.
typedef struct {
    const char *name;
    // One sentence: what it does, and what it expects.
    const char *meaning;
    // What holds where it is not given, written as it would be given; or "".
    const char *by_default;
} tg_setting;

// A reason of the plugin's own to reject a record: a code from 128 to 255, and lower-case words joined by hyphens.
typedef struct {
    uint8_t code;
    const char *name;
} tg_reject_name;

// Who the plugin is.
typedef struct {
    const char *name;
    const char *version;
    // One sentence for people.
    const char *about;
    const tg_setting *settings;
    size_t setting_count;
    const tg_reject_name *rejects;
    size_t reject_count;
} tg_plugin;

// === What the plugin gives ===

extern const tg_plugin tallygate_plugin;

// Reads one record that came in at `received`, in Unix nanoseconds. The record is gone after the call.
tg_answer extract(const uint8_t *record, size_t length, int64_t received);

// Called for each setting that is given, before the first record; names that `tallygate_plugin` does not have are
// refused before. Returns NULL, or what the setting expects instead. `value` is gone after the call. A plugin without
// settings need not have it.
const char *configure(const char *name, tg_bytes value);

// === What the plugin may use ===

// Reads an address as people and programs write it: with a port, in brackets, with a zone. IPv4 in the disguise of
// IPv6 is IPv4. Numbers with leading zeros are not read, since programs differ about them.
bool tg_read_address(tg_bytes text, tg_address *address);

// Reads `2026-11-20T05:00:00.250Z` (RFC 3339) as Unix nanoseconds. TG_UNREAD_TIME if it is no time, or lies before 1990 or
// from 2100 on, since then it is a default and no time of a visit. As the SDK for Rust, it takes leap seconds, a space for
// the T, no seconds, a comma before the fraction, and offsets such as `+0100`, `+01`, ` +01:00` and ` UTC`; unlike that, it
// takes no name of the zone behind the offset.
int64_t tg_rfc3339(tg_bytes text);

bool tg_equal(tg_bytes bytes, const char *text);
bool tg_is_space(uint8_t byte);
// Copies text to `to`, which has so much room, and returns how much it wrote. Each byte that is not UTF-8 becomes `?`; what
// has no room is left out, whole characters at a time. The SDK's own use is for what it hands to the gateway.
size_t tg_utf8(tg_bytes text, char *to, size_t room);

typedef enum { TG_DEBUG, TG_INFO, TG_WARN, TG_ERROR } tg_level;
// Writes to the gateway's log, which is bounded: for what happens seldom. Bytes that are not UTF-8 become `?`.
void tg_log(tg_level level, const char *message);

// A copy of bytes that is kept when the call has ended, with a zero byte behind it: for what `configure` is given.
const char *tg_keep(tg_bytes bytes);

// Ends the call for good: the gateway starts another instance of the plugin. For what cannot be.
_Noreturn void tg_fail(const char *message);

#endif
