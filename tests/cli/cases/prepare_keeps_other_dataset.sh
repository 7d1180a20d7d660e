# A dataset at OUT-dataset.h5 that was made from another table is not replaced; the one made from this table is.
# needs: demo/dataset.h5 demo/model prepare
printf 'text\nGood.\n' > a.csv
cp "$DATA/demo/dataset.h5" o-dataset.h5
"$ASCRIBE" explain --model "$DATA/demo/model" --data a.csv --out o.h5 --quiet
code=$?
cmp "$DATA/demo/dataset.h5" o-dataset.h5 || exit 1
"$ASCRIBE" explain --model "$DATA/demo/model" --data a.csv --out p.h5 --quiet || exit 1
rm p.h5
"$ASCRIBE" explain --model "$DATA/demo/model" --data ./a.csv --out p.h5 --quiet || exit 1
exit $code
