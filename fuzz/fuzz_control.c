/* SPDX-License-Identifier: MIT */
/* Any bytes as one line of the control protocol: refused with a text, or a request whose strings
 * all lie in it. */
#include "cli/control.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool x)
{
    if (!x)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct longshore_error error = {.text = ""};
    struct control_request r;
    char *line = malloc(size ? size : 1); /* nothing behind it */
    size_t lengths = 0;

    if (!line)
        return 0;
    memcpy(line, data, size);
    if (control_request_parse(line, size, &r, &error) < 0) {
        require(error.text[0] && !r.json && r.count == 0);
        free(line);
        return 0;
    }
    require(r.json && size <= CONTROL_LINE_MAX && r.count <= CONTROL_SETTINGS_MAX);
    require(r.op != CONTROL_WMI || r.guid);
    require(r.op != CONTROL_SET || r.count > 0);
    require((unsigned)r.action < CONTROL_ACTIONS && (r.op == CONTROL_ADAPTER || !r.action));
    require((r.action == CONTROL_ADD) == (r.card.inf[0] != '\0'));
    require(r.action != CONTROL_ADD || (r.card.wire[0] && !r.member));
    require(strlen(r.card.inf) + strlen(r.card.wire) + strlen(r.card.name) < size);
    for (unsigned i = 0; i < r.count; i++)
        lengths += strlen(r.settings[i].keyword) + strlen(r.settings[i].value);
    require(lengths <= size);
    control_request_fini(&r);
    free(line);
    return 0;
}
