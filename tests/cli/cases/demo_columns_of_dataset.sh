# needs: demo/model demo/dataset.h5
"$ASCRIBE" explain --model "$DATA/demo/model" --data "$DATA/demo/dataset.h5" --text-column review --out r.h5
