# needs: demo/model demo/dataset.h5
"$ASCRIBE" explain --model "$DATA/demo/model" --data "$DATA/demo/dataset.h5" --rows 1:3 --out r.h5 --quiet || exit
"$ASCRIBE" show r.h5 --row 1 --class negative --top 3
echo "exit $?"
"$ASCRIBE" show r.h5 --row 1 --list --top 2 | awk -F '\t' '{ print NF, ($2 + 0 == $2), ($3 + 0 == $3) }'
"$ASCRIBE" show r.h5 --row 1 --color always | grep -c '\[48;5;\|;48;5;'
NO_COLOR=1 "$ASCRIBE" show r.h5 --row 1 | grep -c '48;5;'
"$ASCRIBE" show r.h5 --row 2
echo "exit $?"
"$ASCRIBE" show r.h5 --id nobody
echo "exit $?"
"$ASCRIBE" show r.h5 --class neutral
echo "exit $?"
"$ASCRIBE" show "$DATA/demo/dataset.h5" 2> message
echo "exit $?"
