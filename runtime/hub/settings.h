/* hub/settings.h: what the environment says about the hub and the cache, as huggingface_hub
 * reads it: HF_HUB_CACHE, HF_HOME, HF_ENDPOINT, HF_TOKEN, HF_HUB_OFFLINE and their kin. */
#ifndef HUB_SETTINGS_H
#define HUB_SETTINGS_H

#include "corbel/corbel.h"

#include <limits.h>

#define HUB_ENDPOINT_SIZE 512
#define HUB_TOKEN_SIZE    512

struct hub_settings {
    char cache[PATH_MAX];             /* the root: holds models--org--name */
    char endpoint[HUB_ENDPOINT_SIZE]; /* no slash at its end */
    char token[HUB_TOKEN_SIZE];       /* "": none. Never written to a log or an error */
    char ca_file[PATH_MAX];           /* SSL_CERT_FILE; "": the system's */
    bool offline;
    bool symlinks; /* HF_HUB_DISABLE_SYMLINKS is not set */
    long stall_s;  /* give up on a connection that is silent for so long */
    long connect_s;
    long first_wait_ms; /* before the first retry; each further one waits twice as long */
};

/* `offline`: whatever the environment says. CORBEL_E_ARGUMENT: a variable holds what can't be;
 * CORBEL_E_UNTRUSTED: an endpoint that would carry names and tokens in the clear. */
corbel_status hub_settings_read(struct hub_settings *s, bool offline, corbel_error *err);

#endif
