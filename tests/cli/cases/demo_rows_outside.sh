# needs: demo/model demo/dataset.h5
"$ASCRIBE" explain --model "$DATA/demo/model" --data "$DATA/demo/dataset.h5" --rows 0:1000000000 --out r.h5
