// Where a request is computed: backend, device, precision and exact savings, from the user's options.
#ifndef ASCRIBE_EXPLAIN_REQUEST_BACKEND_H
#define ASCRIBE_EXPLAIN_REQUEST_BACKEND_H

#include "explain/request.h"

// Whether the words are known and belong together (ASC_USAGE); where a GPU is demanded, whether there is one (ASC_NO_DEVICE).
asc_status request_backend_check(const asc_explain_options *options, asc_error *err);
// The words alone.
asc_status request_backend_check_words(const asc_explain_options *options, asc_error *err);
// Where such a request will be computed, for estimates: what is asked for, or what "auto" would take on this machine.
asc_backend_kind request_backend_guess(const asc_explain_options *options);

// "0,1,3" to device numbers, each once, at most MOST_DEVICES of them; "all" gives none. ASC_USAGE.
enum { MOST_DEVICES = 1024 };
asc_status request_parse_devices(const char *text, int devices[MOST_DEVICES], size_t *n_devices, asc_error *err);

// Fills backend, device, precision and savings. "auto" takes the GPU where one is usable, else the processor; on a machine with
// an NVIDIA driver it logs why.
asc_status request_backend_resolve(const asc_explain_options *options, const asc_log *log, explain_request *out, asc_error *err);

#endif
