for given in 5 5:5 7:3 a:b :0 -1:4 3:4:5; do
    "$ASCRIBE" export r.h5 --csv --rows "$given" 2>&1
    echo "$?"
done
