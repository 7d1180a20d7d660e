# needs: demo/model demo/dataset.h5
"$ASCRIBE" explain --model "$DATA/demo/model" --data "$DATA/demo/dataset.h5" --limit 4 --out r.h5 --progress plain
echo "exit $?"
"$ASCRIBE" explain --model "$DATA/demo/model" --data "$DATA/demo/dataset.h5" --limit 4 --out r.h5 --progress none
echo "exit $?"
"$ASCRIBE" explain --model "$DATA/demo/model" --data "$DATA/demo/dataset.h5" --rows 0:4 --out r.h5 --progress none --workers 1
echo "exit $?"
"$ASCRIBE" explain --model "$DATA/demo/model" --data "$DATA/demo/dataset.h5" --limit 4 --out r.h5 --progress none --seed 1
echo "exit $?"
ls
