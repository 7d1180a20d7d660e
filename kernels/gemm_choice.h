// The algorithm of a matrix product, as the text that a run's manifest holds: "fp16:1x1152x384=21.20.5.0.0.0.2", several of them separated by
// one space. Precision, then groups, outputs and inputs of the map, then what makes the library's algorithm what it is: its number, tile, stages,
// swizzle, custom option, inner shape and cluster shape (cublasLt.h: CUBLASLT_ALGO_CONFIG_*). It never splits a sum, so nothing says so.
#ifndef ASCRIBE_GEMM_CHOICE_H
#define ASCRIBE_GEMM_CHOICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

enum {
    GEMM_CONFIG_SIZE = 7,
    GEMM_PRECISION_SIZE = 8,
    GEMM_CHOICE_TEXT_SIZE = 160, // the longest one with its NUL
};

typedef struct gemm_choice {
    char precision[GEMM_PRECISION_SIZE]; // "fp32", "tf32", "fp16", "bf16"
    uint32_t shape[3];                   // groups, outputs, inputs
    uint32_t config[GEMM_CONFIG_SIZE];
} gemm_choice;

static inline void gemm_choice_write(const gemm_choice *choice, char text[GEMM_CHOICE_TEXT_SIZE])
{
    const uint32_t *s = choice->shape, *c = choice->config;
    snprintf(text, GEMM_CHOICE_TEXT_SIZE, "%s:%ux%ux%u=%u.%u.%u.%u.%u.%u.%u", choice->precision, s[0], s[1], s[2], c[0], c[1], c[2], c[3], c[4],
             c[5], c[6]);
}

// `count` numbers of at most 32 bits with a `between` after each but the last; *at moves behind them.
static inline bool gemm_choice_numbers(const char **at, size_t count, char between, uint32_t *out)
{
    for (size_t i = 0; i < count; i++) {
        uint64_t value = 0;
        if (i > 0 && *(*at)++ != between)
            return false;
        if (**at < '0' || **at > '9')
            return false;
        for (; **at >= '0' && **at <= '9'; (*at)++) {
            value = 10 * value + (uint64_t)(**at - '0');
            if (value > UINT32_MAX)
                return false;
        }
        out[i] = (uint32_t)value;
    }
    return true;
}

// Takes the first one of the text; *at moves on to the next, or to the NUL. False where the text is anything else.
static inline bool gemm_choice_read(const char **at, gemm_choice *out)
{
    const size_t length = strspn(*at, "abcdefghijklmnopqrstuvwxyz0123456789");
    if (length == 0 || length >= GEMM_PRECISION_SIZE)
        return false;
    memset(out, 0, sizeof *out);
    memcpy(out->precision, *at, length);
    *at += length;
    if (*(*at)++ != ':' || !gemm_choice_numbers(at, 3, 'x', out->shape) || *(*at)++ != '=' ||
        !gemm_choice_numbers(at, GEMM_CONFIG_SIZE, '.', out->config))
        return false;
    if (**at == ' ' && (*at)[1] != '\0')
        (*at)++;
    else if (**at != '\0')
        return false;
    return true;
}

// Looks in the text for the precision and shape of *choice and fills in its config. False where there is none, or the text is anything else.
static inline bool gemm_choice_find(const char *text, gemm_choice *choice)
{
    bool found = false;
    while (*text != '\0') {
        gemm_choice next;
        if (!gemm_choice_read(&text, &next))
            return false;
        if (found || strcmp(next.precision, choice->precision) != 0 || memcmp(next.shape, choice->shape, sizeof next.shape) != 0)
            continue;
        memcpy(choice->config, next.config, sizeof next.config);
        found = true;
    }
    return found;
}

#endif
