# needs: demo/model demo/dataset.h5
explain() { "$ASCRIBE" explain --model "$DATA/demo/model" --data "$DATA/demo/dataset.h5" --limit 2 --quiet --progress none "$@"; }
manifest() { "$ASCRIBE" inspect "$1" --json | python3 -c 'import json, sys
m = json.load(sys.stdin)["manifest"]
print(*[m.get(k) for k in ("method", "estimator", "budget", "policy", "output", "target", "seed", "exact_limit")])'; }
explain --out a.h5 --estimator wls --budget 6n --policy mask --output probability --target positive,0 --seed 18446744073709551615 --exact-limit 9
manifest a.h5
explain --out b.h5 --like a.h5
manifest b.h5
explain --out c.h5 --like a.h5 --seed 3 --budget 80 --target predicted
manifest c.h5
explain --out d.h5 --like c.h5 --method occlusion
manifest d.h5
explain --out e.h5 --like d.h5 --exact-limit 16
manifest e.h5
selection() { "$ASCRIBE" inspect "$1" --json | python3 -c 'import json, sys
m = json.load(sys.stdin)["manifest"]
print(*[m.get(k) for k in ("method", "estimator", "selection", "budget")])'; }
explain --out g.h5 --method lime --budget 90 --lime-features 3 --lime-selection lasso_path
explain --out h.h5 --like g.h5 --limit 1 --lime-features 4
explain --out i.h5 --like h.h5 --limit 1 --lime-selection none
explain --out j.h5 --like i.h5
explain --out k.h5 --like j.h5 --estimator shap --method shapley --l1-reg num_features:5
explain --out l.h5 --like k.h5 --limit 1
explain --out m.h5 --like l.h5 --estimator wls
for result in g h i j k l m; do selection $result.h5; done
"$ASCRIBE" explain --model m --data "$DATA/demo/dataset.h5" --out f.h5 --like "$DATA/demo/dataset.h5"
echo "exit $?"
"$ASCRIBE" explain --model m --data "$DATA/demo/dataset.h5" --out f.h5 --like nothing.h5
echo "exit $?"
