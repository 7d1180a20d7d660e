echo "text" > a.csv
"$ASCRIBE" bench --model m --data a.csv
