#!/bin/sh
# Each floor may include only the floors below it, and the layers and losses know nothing of MPI.
cd "$(dirname "$0")/.." || exit 1
bad=$({
    grep -nE '#include "(shard|worker|daemon)/' proto/*.[ch]
    grep -nE '#include "(worker|daemon)/' shard/*.[ch]
    grep -nE '#include "daemon/' worker/*.[ch] worker/*/*.[ch]
    grep -nE 'mpi\.h|exchange_mpi' worker/nn/*.[ch] worker/loss/*.[ch]
    grep -nE '#include "(worker/loss|shard)/' worker/nn/*.[ch]
    grep -nE '#include "(worker/nn|shard)/' worker/loss/*.[ch]
} 2>/dev/null)
[ -z "$bad" ] && exit 0
printf 'a floor reaches up:\n%s\n' "$bad" >&2
exit 1
