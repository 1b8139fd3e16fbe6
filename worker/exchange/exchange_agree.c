#include "worker/exchange/exchange.h"

enum status exchange_agree(struct exchange *exchange, enum status failure, struct error *error)
{
    enum status gravest[] = {STATUS_DATA, STATUS_NUMERIC, STATUS_STORAGE, STATUS_INTERNAL};
    double failed[4] = {0};
    for (int i = 0; i < 4; i++) {
        failed[i] = failure == gravest[i];
    }
    if (failure != STATUS_OK && failed[0] + failed[1] + failed[2] == 0) {
        failed[3] = 1;
    }
    enum status status = exchange->operations->sum_double(exchange, failed, 4, error);
    for (int i = 0; i < 4 && status == STATUS_OK && failure == STATUS_OK; i++) {
        if (failed[i] > 0) {
            if (error) {
                *error = (struct error){.status = gravest[i]};
            }
            return gravest[i];
        }
    }
    return status == STATUS_OK ? failure : status;
}
