# needs: demo/model
# needs: prepare
# What a run was made of is not replaced by a command that is refused; the command itself finds it as it was.
printf 'text,label\nA good-humoured film,positive\n' >rows.csv
explain() { "$ASCRIBE" explain --model "$DATA/demo/model" --data rows.csv --out r.h5 --budget 8 --quiet "$@"; }
explain || exit 1
cp r-dataset.h5 before.h5
explain --features token
echo "other features: $?"
cmp before.h5 r-dataset.h5 && echo kept
rm r.h5 && mkdir r.h5.parts
explain --features token
echo "other features, unfinished: $?"
rmdir r.h5.parts
explain && cmp before.h5 r-dataset.h5 && echo "the same again"
explain --features token --force && ! cmp -s before.h5 r-dataset.h5 && echo "started over"
ls
