// Reads what stands behind `address ` or `time ` in each line of standard input, with the plugins' SDK, and says what it is.

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "sdk/tallygate.h"

int main(void) {
    char line[1024];
    while (fgets(line, sizeof line, stdin)) {
        line[strcspn(line, "\n")] = 0;
        const char *rest = strchr(line, ' ') + 1;
        tg_bytes text = {(const uint8_t *)rest, strlen(rest)};
        tg_address address;
        if (line[0] == 't') {
            printf("%" PRId64 "\n", tg_rfc3339(text));
        } else if (tg_read_address(text, &address)) {
            printf("%d %016" PRIx64 "%016" PRIx64 "\n", address.is_v6 ? 6 : 4, address.is_v6 ? address.high : 0, address.low);
        } else {
            printf("none\n");
        }
    }
    return 0;
}
