# needs: demo/model demo/dataset.h5
cp "$DATA/demo/dataset.h5" d.h5
"$ASCRIBE" explain --model "$DATA/demo/model" --data d.h5 --out ./d.h5 --force
code=$?
cmp d.h5 "$DATA/demo/dataset.h5"
exit $code
