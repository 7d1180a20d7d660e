# needs: demo/model demo/dataset.h5
refused() {
    "$ASCRIBE" "$@"
    echo "exit $?" >&2
}
set -- --model "$DATA/demo/model" --data "$DATA/demo/dataset.h5" --limit 12 --budget 24 --backend cpu --out r.h5
refused plan
refused plan "$@" -o plan.json
refused plan "$@" --tasks 0 -o plan.json
refused plan "$@" --tasks 2
refused plan "$@" --tasks 2 -o plan.json --method magic
refused plan "$@" --tasks 2 -o plan.json --rows 5000:
refused plan "$@" --tasks 2 -o nowhere/plan.json
refused plan --model nowhere --data "$DATA/demo/dataset.h5" --out r.h5 --tasks 2 -o plan.json
ls
"$ASCRIBE" plan "$@" --tasks 2 -o plan.json --quiet || exit
refused plan "$@" --tasks 3 -o plan.json
"$ASCRIBE" plan "$@" --tasks 2 -o plan.json --quiet --force || exit
refused explain --plan plan.json --task 2
refused explain --plan plan.json --task 0 --backend ref
refused explain --plan plan.json --task 0 --data other.h5
refused explain --plan nowhere.json --task 0
echo "{}" > empty.json
refused explain --plan empty.json --task 0
echo '{"plan_version": 99}' > newer.json
refused explain --plan newer.json --task 0
refused status newer.json
refused status nowhere.json
refused status "$DATA/demo/model"
refused merge nowhere.json
refused merge "$DATA/demo/model"
refused merge plan.json
refused verify nowhere.parts
refused inspect empty.json
