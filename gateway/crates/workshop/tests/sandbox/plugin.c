// A plugin that logs and fails as each record says.

#include "sdk/tallygate.h"

const tg_plugin tallygate_plugin = {.name = "printing", .version = "0.1.0", .about = "logs"};

tg_answer extract(const uint8_t *record, size_t length, int64_t received) {
    (void)received;
    tg_bytes line = {record, length};
    if (tg_equal(line, "bytes")) tg_log(TG_WARN, "a\xff" "b\xe2\x82\xe2\x82\xac\xf0");
    if (tg_equal(line, "long")) {
        static char text[6002] = "x";
        for (size_t at = 1; at + 2 < sizeof text; at += 2) text[at] = (char)0xc3, text[at + 1] = (char)0xa9;
        tg_log(TG_WARN, text);
    }
    if (tg_equal(line, "fail")) tg_fail("the pot \xff is broken");
    return tg_nobody(TG_NO_TIME, "");
}
