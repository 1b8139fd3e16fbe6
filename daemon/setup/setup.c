#include "daemon/setup/setup.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void setup_warn(struct setup *setup, const char *format, ...)
{
    if (setup->warnings == SETUP_WARNINGS_MAX) {
        return;
    }
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(setup->warning[setup->warnings++], sizeof setup->warning[0], format, arguments);
    va_end(arguments);
}

enum status setup_verify(const struct setup *setup, const char *path, struct error *error)
{
    const struct checkpoint_verifier *verifier = setup->verifier;
    return verifier ? verifier->verify(verifier->context, path, error) : checkpoint_verify(path, true, error);
}

void setup_free(struct setup *setup)
{
    for (size_t k = 0; k < setup->datasets; k++) {
        manifest_close(&setup->manifests[k]);
        sampling_close(&setup->sampling[k]);
    }
    free(setup->sampling);
    identity_groups_free(setup->identity);
    free(setup->manifests);
    free(setup->classes);
    free(setup->set_names);
    free(setup->text);
    free(setup->settings);
    config_free(&setup->config);
    *setup = (struct setup){0};
}
