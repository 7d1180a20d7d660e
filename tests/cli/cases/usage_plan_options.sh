# Beside --plan nothing may be given that would change the result.
refused() {
    "$ASCRIBE" "$@"
    echo "exit $?" >&2
}
for option in "--out o.h5" --force --keep-parts --no-text --allow-tokenizer-mismatch "--rows 0:2" "--limit 3" "--method lime" "--estimator wls" \
    "--budget 8" "--policy pad" "--output logit" "--target 0" "--exact-limit 3" "--l1-reg off" "--lime-features 2" "--lime-selection none" \
    "--masks m.h5" "--export-masks m.h5" "--seed 1" "--like r.h5" "--features token" "--text hello" --allow-mixed "--savings none" \
    "--rows-per-part 4" --dry-run "--max-hours 1" "--color never"; do
    "$ASCRIBE" explain --plan p.json --task 0 $option 2>&1 | grep -v "^hint: give it to 'ascribe plan'"
done
refused explain --plan p.json
refused explain --plan p.json --task -1
refused explain --plan p.json --task one
refused explain --task 1 --model m --data d.h5 --out o.h5
refused explain --plan p.json --task 0 --devices 0,0
refused explain --plan p.json --task 0 --backend quantum
