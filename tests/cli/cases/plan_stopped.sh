# needs: demo/model demo/dataset.h5
# A task that is stopped ends with 75, says so in the status, and the same command continues it.
"$ASCRIBE" plan --model "$DATA/demo/model" --data "$DATA/demo/dataset.h5" --rows 0:40 --budget 256 --rows-per-part 1 --out r.h5 --tasks 2 -o plan.json --quiet || exit
export SLURM_ARRAY_JOB_ID=17 SLURM_ARRAY_TASK_ID=3
"$ASCRIBE" explain --plan plan.json --task 1 --workers 1 --quiet &
until ls r.h5.parts 2> /dev/null | grep -q 'part$' || ! kill -0 $! 2> /dev/null; do sleep 0.02; done
kill -USR1 $!
wait $!
echo "exit $?"
"$ASCRIBE" status plan.json | grep -v '^\[' || exit
"$ASCRIBE" explain --plan plan.json --task 1 --quiet || exit
"$ASCRIBE" status plan.json --json | grep '"done"'
