/* trust/trust.h: everything that says whether a third party's plugin may run, read once. */
#ifndef TRUST_TRUST_H
#define TRUST_TRUST_H

#include "trust/store.h"

struct trust {
    struct home home;
    struct keyring keyring;
    struct releases releases;
    struct trust_key *keys; /* the keyring's, and the build's as the last if there is one */
    struct trust_policy policy;
};

/* `build_key` NULL: this build's own plugins are not of interest. The caller closes *t also after
 * a failure, which means that nothing may run: others have access to CORBEL_HOME, or one of its
 * files is not what it should be. */
corbel_status trust_open(struct trust *t, const struct trust_key *build_key, corbel_error *err);
void trust_close(struct trust *t);

/* Remembers that this release was accepted. A home that can't be written to is a warning. */
void trust_note(const struct trust *t, const struct bundle *bundle);

#endif
