#!/bin/sh
# A campaign on Slurm: a job array, one part of the seeds for each task. Each task finds out by
# itself which part is its own (SLURM_ARRAY_TASK_ID).
#
#   mkdir results
#   sbatch --array=1-8 examples/swarm/slurm.sh examples/scenarios/faults.toml 1..10000 results
#
# and when all of them have ended:
#
#   reprise-lab swarm --merge results/shard-*.json
#
# A task in which a run failed ends with status 1, and Slurm calls it FAILED; its result is there.
#SBATCH --job-name=reprise-swarm
#SBATCH --ntasks=1
set -eu
scenario=$1 seeds=$2 results=$3
"${REPRISE_LAB:-reprise-lab}" swarm "$scenario" --seeds "$seeds" \
  --jobs "${SLURM_CPUS_PER_TASK:-1}" --save-failures "$results" --json \
  > "$results/shard-$SLURM_ARRAY_TASK_ID.json"
