# needs: demo/model demo/dataset.h5
# A run that was given relative paths is merged from another folder, and a plan says how it is divided.
mkdir here there
ln -s "$DATA/demo/model" here/model
cp "$DATA/demo/dataset.h5" here/data.h5
(cd here && "$ASCRIBE" explain --model model --data data.h5 --limit 4 --budget 24 --rows-per-part 1 --out r.h5 --keep-parts --quiet) || exit
rm here/r.h5
(cd there && "$ASCRIBE" merge ../here/r.h5.parts --keep-parts --quiet) || exit
"$ASCRIBE" verify here/r.h5 || exit
"$ASCRIBE" inspect here/r.h5.parts | grep -E '^(dataset path|parts|tasks)'
"$ASCRIBE" plan --model here/model --data here/data.h5 --limit 4 --budget 24 --rows-per-part 1 --out p.h5 --tasks 3 -o plan.json --quiet || exit
"$ASCRIBE" inspect plan.json | grep -E '^(parts|tasks)'
"$ASCRIBE" inspect plan.json --json | grep -A 5 '"parts"'
