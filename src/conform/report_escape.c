/* SPDX-License-Identifier: MIT */
/* Text of a run inside markup: XML 1.0 and HTML alike. */
#include "conform/report.h"

/* Bytes outside ASCII come from drivers and are of no known encoding; control characters are not
 * allowed in XML at all. */
void report_escape(FILE *to, const char *text)
{
    for (const unsigned char *p = (const unsigned char *)text; *p; p++) {
        switch (*p) {
        case '&':
            fputs("&amp;", to);
            break;
        case '<':
            fputs("&lt;", to);
            break;
        case '>':
            fputs("&gt;", to);
            break;
        case '"':
            fputs("&quot;", to);
            break;
        default:
            fputc(*p == '\n' || (*p >= ' ' && *p < 0x7f) ? *p : '?', to);
        }
    }
}

/* Catalogue sentences mark names with back quotes. */
void report_sentence(FILE *to, const char *text)
{
    bool code = false;
    char piece[2] = {0};

    for (; *text; text++) {
        if (*text == '`') {
            fputs(code ? "</code>" : "<code>", to);
            code = !code;
            continue;
        }
        piece[0] = *text;
        report_escape(to, piece);
    }
    if (code)
        fputs("</code>", to);
}

/* '|' would end the cell. */
void report_cell(FILE *to, const char *text)
{
    for (; *text; text++) {
        if (*text == '|')
            fputc('\\', to);
        fputc(*text, to);
    }
}

int report_to(const char *path, void (*write)(FILE *to, const struct suite_result *s),
              const struct suite_result *s, struct why *why)
{
    bool out = strcmp(path, "-") == 0;
    FILE *to = out ? stdout : fopen(path, "w");
    int err = 0;

    if (!to)
        return why_set(why, -errno, "%s: %s", path, strerror(errno));
    write(to, s);
    if (fflush(to) != 0 || ferror(to))
        err = why_set(why, -EIO, "%s: cannot write it: %s", path, strerror(errno));
    if (!out && fclose(to) != 0 && err == 0)
        err = why_set(why, -EIO, "%s: cannot write it: %s", path, strerror(errno));
    return err;
}
