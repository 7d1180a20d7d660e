# needs: demo/model demo/dataset.h5
# OUT stands for OUT.parts while that is there, and for itself when nothing is left to do.
set -- --model "$DATA/demo/model" --data "$DATA/demo/dataset.h5" --limit 2 --budget 8
"$ASCRIBE" plan "$@" --out r.h5 --tasks 2 -o plan.json --quiet || exit
"$ASCRIBE" explain --plan plan.json --task 0 --quiet || exit
"$ASCRIBE" status r.h5 | sed -n '2,3p'
"$ASCRIBE" explain --plan plan.json --task 1 --quiet && "$ASCRIBE" merge plan.json --quiet || exit
"$ASCRIBE" status r.h5 || exit
"$ASCRIBE" status r.h5 --json | grep -E '"(merged|rows|rows_done|tasks)"'
"$ASCRIBE" status "$DATA/demo/dataset.h5" 2> message
echo "exit $?"
"$ASCRIBE" status nothing.h5 2> message
echo "exit $?"
