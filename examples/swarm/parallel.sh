#!/bin/sh
# A campaign with GNU parallel, here or on the hosts of --sshlogin: parallel numbers its jobs
# (PARALLEL_SEQ), and each takes its part of the seeds.
#
#   mkdir results
#   examples/swarm/parallel.sh examples/scenarios/faults.toml 1..10000 results 8
#
# prints the result of all of them as one line of JSON. Status 1: a run failed.
set -eu
scenario=$1 seeds=$2 results=$3 shards=$4
lab=${REPRISE_LAB:-reprise-lab}
# A shard in which a run failed ends with status 1; the merged result says so once more.
seq "$shards" | parallel --quote sh -c \
  '"$1" swarm "$2" --seeds "$3" --shards "$4" --save-failures "$5" --jobs 1 --json \
    > "$5/shard-$6.json"' \
  shard "$lab" "$scenario" "$seeds" "$shards" "$results" {} || true
set --
for shard in $(seq "$shards"); do
  set -- "$@" "$results/shard-$shard.json"
done
exec "$lab" swarm --merge "$@" --json
