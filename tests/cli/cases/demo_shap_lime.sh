# needs: demo/model demo/dataset.h5
# shap, permutation and lime from the command line: run, verified, the same bits with one worker.
for method in "--estimator shap" "--estimator shap --l1-reg num_features:4" "--estimator permutation" "--method lime" "--method lime --lime-selection lasso_path"; do
    explain() { "$ASCRIBE" explain --model "$DATA/demo/model" --data "$DATA/demo/dataset.h5" --limit 2 --budget 70 --quiet $method "$@"; }
    explain --out a.h5 && explain --out b.h5 --workers 1 && "$ASCRIBE" verify a.h5 > /dev/null || exit
    "$ASCRIBE" export a.h5 --jsonl > a.jsonl && "$ASCRIBE" export b.h5 --jsonl > b.jsonl && cmp a.jsonl b.jsonl && echo "same: $method"
    rm a.h5 b.h5
done
