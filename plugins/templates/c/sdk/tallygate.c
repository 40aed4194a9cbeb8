// The way into and out of the sandbox: how the gateway's calls become calls of `extract` and `configure`. It is the
// canonical ABI of the component model, by hand, for `sdk/wit/plugin.wit`.

#include "tallygate.h"

#define EXPORT(name) __attribute__((export_name("tallygate:plugin/extractor@1.0.0#" name)))

// A list or a string as the canonical ABI has it.
typedef struct {
    const void *start;
    size_t length;
} abi_list;

// === Memory: what one call takes is free again at the next ===

extern uint8_t __heap_base;
static uintptr_t next_free;
// Where the memory of a call begins: behind what `tg_keep` took.
static uintptr_t call_start;

static void *take(size_t size, size_t align) {
    if (next_free == 0) next_free = call_start = (uintptr_t)&__heap_base;
    uintptr_t start = (next_free + align - 1) & ~(uintptr_t)(align - 1);
    uintptr_t end = start + size;
    if (end < start) tg_fail("the plugin asked for more memory than there is");
    uintptr_t have = __builtin_wasm_memory_size(0) * (uintptr_t)65536;
    if (end > have && __builtin_wasm_memory_grow(0, (end - have + 65535) / 65536) == SIZE_MAX) __builtin_trap();
    next_free = end;
    return (void *)start;
}

const char *tg_keep(tg_bytes bytes) {
    // It lies behind the gateway's lists of this call, so they are kept with it.
    char *copy = take(bytes.length + 1, 1);
    for (size_t at = 0; at < bytes.length; at++) copy[at] = (char)bytes.start[at];
    copy[bytes.length] = 0;
    call_start = next_free;
    return copy;
}

__attribute__((export_name("cabi_realloc"))) void *cabi_realloc(void *old, size_t old_size, size_t align, size_t size) {
    if (size == 0) return (void *)align;
    void *block = take(size, align);
    if (old_size > 0) __builtin_memcpy(block, old, old_size < size ? old_size : size);
    return block;
}

// The compiler calls these for what it does not write out itself.
__attribute__((weak, no_builtin("memcpy"))) void *memcpy(void *restrict to, const void *restrict from, size_t size) {
    for (size_t at = 0; at < size; at++) ((uint8_t *)to)[at] = ((const uint8_t *)from)[at];
    return to;
}

__attribute__((weak, no_builtin("memset"))) void *memset(void *to, int byte, size_t size) {
    for (size_t at = 0; at < size; at++) ((uint8_t *)to)[at] = (uint8_t)byte;
    return to;
}

// === Texts ===

static size_t text_length(const char *text) {
    size_t length = 0;
    while (text && text[length]) length++;
    return length;
}

static abi_list text_list(const char *text) {
    return (abi_list){text, text_length(text)};
}

// A text as it grows: cut where it is full.
typedef struct {
    char bytes[256];
    size_t length;
} text_buffer;

static void add_bytes(text_buffer *text, const void *bytes, size_t length) {
    for (size_t at = 0; at < length && text->length < sizeof text->bytes; at++) {
        text->bytes[text->length++] = ((const char *)bytes)[at];
    }
}

static void add(text_buffer *text, const char *more) {
    add_bytes(text, more, text_length(more));
}

static void add_number(text_buffer *text, uint64_t number, unsigned base) {
    char digits[20];
    size_t first = sizeof digits;
    do {
        digits[--first] = "0123456789abcdef"[number % base];
        number /= base;
    } while (number > 0);
    add_bytes(text, digits + first, sizeof digits - first);
}

static void add_address(text_buffer *text, tg_address address) {
    int groups = address.is_v6 ? 8 : 4;
    for (int at = 0; at < groups; at++) {
        if (at > 0) add(text, address.is_v6 ? ":" : ".");
        uint64_t half = address.is_v6 && at < 4 ? address.high : address.low;
        add_number(text, address.is_v6 ? half >> (48 - 16 * (at % 4)) & 0xffff : half >> (24 - 8 * at) & 0xff,
                   address.is_v6 ? 16 : 10);
    }
}

// === Log ===

__attribute__((import_module("tallygate:plugin/log@1.0.0"), import_name("emit"))) void emit(int32_t level,
                                                                                           const char *start,
                                                                                           size_t length);

void tg_log(tg_level level, const char *message) {
    // As much as the gateway has use for. Anything that is not UTF-8 would end the call.
    static char valid[4096];
    tg_bytes given = {(const uint8_t *)message, text_length(message)};
    emit(level, valid, tg_utf8(given, valid, sizeof valid));
}

_Noreturn void tg_fail(const char *message) {
    tg_log(TG_ERROR, message);
    __builtin_trap();
}

// === Answers ===

tg_answer tg_visit(tg_address address, int64_t time) {
    return (tg_answer){.status = address.is_v6 ? 1 : 0, .address = address, .time = time, .words = ""};
}

tg_answer tg_nobody(int64_t time, const char *words) {
    return (tg_answer){.status = 2, .time = time, .words = words};
}

tg_answer tg_reject(uint8_t code, const char *words) {
    return (tg_answer){.status = code, .words = words};
}

tg_answer tg_malformed(const char *words) { return tg_reject(16, words); }
tg_answer tg_field_missing(const char *words) { return tg_reject(17, words); }
tg_answer tg_not_an_address(const char *words) { return tg_reject(18, words); }
tg_answer tg_policy(const char *words) { return tg_reject(19, words); }
tg_answer tg_too_long(const char *words) { return tg_reject(20, words); }

// === What the gateway calls ===

typedef struct {
    abi_list name, meaning, by_default;
} abi_setting;

typedef struct {
    uint8_t code;
    abi_list name;
} abi_reject;

EXPORT("describe") const void *describe(void) {
    static struct {
        abi_list name, version, about, rejects, settings;
    } info;
    const tg_plugin *plugin = &tallygate_plugin;
    abi_reject *rejects = take(plugin->reject_count * sizeof *rejects, _Alignof(abi_reject));
    for (size_t at = 0; at < plugin->reject_count; at++) {
        rejects[at] = (abi_reject){plugin->rejects[at].code, text_list(plugin->rejects[at].name)};
    }
    abi_setting *settings = take(plugin->setting_count * sizeof *settings, _Alignof(abi_setting));
    for (size_t at = 0; at < plugin->setting_count; at++) {
        const tg_setting *setting = &plugin->settings[at];
        settings[at] = (abi_setting){
            text_list(setting->name),
            text_list(setting->meaning),
            text_list(setting->by_default),
        };
    }
    info.name = text_list(plugin->name);
    info.version = text_list(plugin->version);
    info.about = text_list(plugin->about);
    info.rejects = (abi_list){rejects, plugin->reject_count};
    info.settings = (abi_list){settings, plugin->setting_count};
    next_free = call_start;
    return &info;
}

__attribute__((weak)) const char *configure(const char *name, tg_bytes value) {
    (void)name, (void)value;
    return "nothing: the plugin has no function `configure`";
}

static struct {
    uint8_t is_error;
    abi_list text;
} text_result;
static text_buffer words;

static const void *give_words(bool is_error) {
    // The words may be a setting's, or cut where they were too long.
    static char valid[sizeof words.bytes];
    size_t length = tg_utf8((tg_bytes){(const uint8_t *)words.bytes, words.length}, valid, sizeof valid);
    text_result.is_error = is_error;
    text_result.text = (abi_list){valid, length};
    next_free = call_start;
    return &text_result;
}

EXPORT("configure") const void *abi_configure(const abi_list (*given)[2], size_t count) {
    words.length = 0;
    for (size_t at = 0; at < count; at++) {
        tg_bytes name = {given[at][0].start, given[at][0].length};
        const tg_setting *setting = NULL;
        for (size_t known = 0; known < tallygate_plugin.setting_count; known++) {
            if (tg_equal(name, tallygate_plugin.settings[known].name)) setting = &tallygate_plugin.settings[known];
        }
        const char *expected = "";
        if (setting) expected = configure(setting->name, (tg_bytes){given[at][1].start, given[at][1].length});
        if (!expected) continue;
        add(&words, setting ? "setting `" : "there is no setting `");
        add_bytes(&words, name.start, name.length);
        add(&words, setting ? "` expects " : "`");
        add(&words, expected);
        return give_words(true);
    }
    return give_words(false);
}

// The columns of one call: see `outcome` in plugin.wit. Each has room for every record.
typedef struct {
    uint8_t *status;
    uint32_t *v4;
    uint64_t *v6;
    int64_t *times;
    size_t records, v4_count, v6_count, time_count;
    bool has_time;
} columns;

static void add_answer(columns *to, tg_answer answer) {
    to->status[to->records++] = answer.status;
    if (answer.status > 2) return;
    if (answer.status == 0) to->v4[to->v4_count++] = (uint32_t)answer.address.low;
    if (answer.status == 1) {
        to->v6[to->v6_count++] = answer.address.high;
        to->v6[to->v6_count++] = answer.address.low;
    }
    to->times[to->time_count++] = answer.time;
    to->has_time |= answer.time != TG_NO_TIME;
}

EXPORT("extract")
const void *abi_extract(const uint8_t *data, size_t size, const uint32_t *bounds, size_t bound_count, int64_t received) {
    (void)size;
    size_t records = bound_count / 2;
    columns found = {
        .status = take(records, 1),
        .v4 = take(records * sizeof(uint32_t), 4),
        .v6 = take(records * 2 * sizeof(uint64_t), 8),
        .times = take(records * sizeof(int64_t), 8),
    };
    for (size_t at = 0; at < records; at++) {
        uint32_t start = bounds[2 * at], end = bounds[2 * at + 1];
        add_answer(&found, extract(data + start, end - start, received));
    }
    static struct {
        abi_list status, v4, v6, times;
    } outcome;
    outcome.status = (abi_list){found.status, found.records};
    outcome.v4 = (abi_list){found.v4, found.v4_count};
    outcome.v6 = (abi_list){found.v6, found.v6_count};
    outcome.times = (abi_list){found.times, found.has_time ? found.time_count : 0};
    next_free = call_start;
    return &outcome;
}

EXPORT("explain") const void *abi_explain(const uint8_t *record, size_t length, int64_t received) {
    tg_answer answer = extract(record, length, received);
    words.length = 0;
    if (answer.status > 1) {
        add(&words, answer.words);
        return give_words(answer.status > 2);
    }
    add(&words, "client ");
    add_address(&words, answer.address);
    if (answer.time == TG_NO_TIME) {
        add(&words, ", no time");
    } else if (answer.time == TG_UNREAD_TIME) {
        add(&words, ", a time that cannot be read");
    } else {
        add(&words, ", ");
        add_number(&words, (uint64_t)answer.time, 10);
        add(&words, " ns after 1970");
    }
    return give_words(false);
}
